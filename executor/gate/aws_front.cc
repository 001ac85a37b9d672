#include "pipeline/command/aws.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/base64.h"
#include "base/json/json.h"
#include "base/text.h"
#include "executor/gate/aws_api.h"
#include "executor/gate/tool_fronts.h"
#include "executor/wire/wire.h"

namespace scangate {
namespace {

// The AWS CLI's own codes (version 2): wrong usage, no region or keys, refused by the service, a waiter that gave up.
constexpr int kWrongUsage = 252;
constexpr int kNotConfigured = 253;
constexpr int kRefused = 254;
constexpr int kGeneral = 255;
// `aws ecr wait image-scan-complete`: every 5 s, 60 times.
constexpr std::chrono::seconds kWaitStep{5};
constexpr int kWaitAttempts = 60;
// Registries that one answer may name; the API itself gives at most 10.
constexpr std::size_t kMaxAuthorizations = 100;

// Serves one parsed command; an operator for each kind of request.
class AwsFront {
 public:
  AwsFront(ImageCommands& images, GateCall& call, const command::AwsCommand& command)
      : images_(images), call_(call), command_(command) {}

  int operator()(const command::EcrLogin& asked) {
    nlohmann::json body = nlohmann::json::object();
    if (!asked.registry_ids.empty()) body["registryIds"] = asked.registry_ids;
    const auto answer = ask("GetAuthorizationToken", dump_json(body));
    if (!answer) return told_;
    const auto json = parse_json(answer->body, "GetAuthorizationToken");
    if (!json) return call_.fail_with(json.error(), kGeneral);
    std::string out;
    for (const auto& entry : json_array(*json, "authorizationData")) {
      const auto token = base64_decode(json_string(entry, "authorizationToken"));
      const std::size_t colon = token ? token->find(':') : std::string::npos;
      if (colon == std::string::npos)
        return call_.fail_with(Error(Fault::remote, "GetAuthorizationToken: the answer holds no token"), kGeneral);
      const std::string password = concealed(token->substr(colon + 1));
      if (!asked.as_command) {
        call_.print(password + "\n");
        return 0;
      }
      out += fmt::format("docker login -u AWS -p {} {}{}\n", password, asked.include_email ? "-e none " : "",
                         json_string(entry, "proxyEndpoint"));
    }
    if (out.empty())
      return call_.fail_with(Error(Fault::remote, "GetAuthorizationToken: the answer names no registry"), kGeneral);
    call_.print(out);
    return 0;
  }

  int operator()(const command::EcrCall& asked) {
    if (asked.wait) return wait(asked);
    const auto answer = ask(asked.operation, asked.body);
    if (!answer) return told_;
    return show(answer->body);
  }

  int operator()(const command::CallerIdentity&) {
    auto api = AwsApi::open(images_, call_, command_.region);
    if (!api) return call_.fail_with(api.error(), kNotConfigured);
    const auto answer = taken(api->caller_identity(), "GetCallerIdentity");
    if (!answer) return told_;
    const auto json = parse_json(answer->body, "GetCallerIdentity");
    if (!json) return call_.fail_with(json.error(), kGeneral);
    const auto& result = json_object(json_object(*json, "GetCallerIdentityResponse"), "GetCallerIdentityResult");
    nlohmann::ordered_json out;
    for (const char* name : {"UserId", "Account", "Arn"})
      out[name] = json_string(result, name);
    return show(dump_json(out));
  }

  int operator()(const command::AwsOther& asked) {
    if (has_own_) return wire::kRunYourOwn;
    return call_.fail_with(
        Error(Fault::user, fmt::format("aws: '{}' is not served by scangate", printable(asked.service)))
            .remedy(
                "ecr, configure and sts get-caller-identity are; other services need the AWS CLI in the job's image"),
        kWrongUsage);
  }

  int operator()(const command::AwsText& asked) {
    if (has_own_) return wire::kRunYourOwn;
    for (const auto& note : command_.notes)
      call_.say("note: " + note + "\n");
    call_.print(asked.text);
    return 0;
  }

 private:
  // Binds every password of the answer to its registry, so that what is printed is of no use elsewhere.
  void bind(const std::string& body) {
    const auto& broker = images_.context().broker;
    const auto json = parse_json(body, "GetAuthorizationToken");
    if (!broker || !json) return;
    std::size_t count = 0;
    for (const auto& entry : json_array(*json, "authorizationData")) {
      if (++count > kMaxAuthorizations) return;
      const auto token = base64_decode(json_string(entry, "authorizationToken"));
      const std::size_t colon = token ? token->find(':') : std::string::npos;
      if (colon == std::string::npos) continue;
      broker->add(token->substr(colon + 1), {host_of_url(json_string(entry, "proxyEndpoint"))},
                  {token->substr(0, colon)});
    }
  }

  std::string concealed(std::string_view text) const {
    const auto& broker = images_.context().broker;
    return broker ? broker->conceal(text) : std::string(text);
  }

  std::optional<AwsAnswer> ask(const std::string& operation, const std::string& body) {
    auto api = AwsApi::open(images_, call_, command_.region);
    if (!api) {
      told_ = call_.fail_with(api.error(), kNotConfigured);
      return std::nullopt;
    }
    auto answer = taken(api->ecr(operation, body), operation);
    if (answer && operation == "GetAuthorizationToken") bind(answer->body);
    return answer;
  }

  // The answer when it is a good one; else it is told, and told_ is the exit code.
  std::optional<AwsAnswer> taken(Result<AwsAnswer> answer, const std::string& operation) {
    if (!answer) {
      told_ = call_.fail_with(answer.error(), answer.error().fault() == Fault::user ? kNotConfigured : kGeneral);
      return std::nullopt;
    }
    if (answer->ok()) return std::move(*answer);
    call_.say(refusal(*answer, operation));
    told_ = kRefused;
    return std::nullopt;
  }

  // In the CLI's own words, which scripts look for.
  std::string refusal(const AwsAnswer& answer, const std::string& operation) const {
    return fmt::format("\nAn error occurred ({}) when calling the {} operation: {}\n",
                       answer.error_code.empty() ? std::to_string(answer.status) : printable(answer.error_code),
                       operation, concealed(printable(answer.error_message)));
  }

  int show(const std::string& json) {
    const auto text = command::aws_output(concealed(json), command_.query, command_.output);
    if (!text) return call_.fail_with(text.error(), kWrongUsage);
    // An operation that answers nothing prints nothing.
    if (*text != "{}\n") call_.print(*text);
    return 0;
  }

  int wait(const command::EcrCall& asked) {
    auto api = AwsApi::open(images_, call_, command_.region);
    if (!api) return call_.fail_with(api.error(), kNotConfigured);
    for (int attempt = 1; attempt <= kWaitAttempts; ++attempt) {
      const auto answer = api->ecr(asked.operation, asked.body);
      if (!answer)
        return call_.fail_with(answer.error(), answer.error().fault() == Fault::user ? kNotConfigured : kGeneral);
      if (!answer->ok()) {
        call_.say(refusal(*answer, asked.operation));
        return kGeneral;
      }
      const auto json = parse_json(answer->body, asked.operation);
      if (!json) return call_.fail_with(json.error(), kGeneral);
      const std::string status = json_string(json_object(*json, "imageScanStatus"), "status");
      if (status == "COMPLETE") return 0;
      if (status == "FAILED") {
        call_.say("\nWaiter ImageScanComplete failed: the scan failed\n");
        return kGeneral;
      }
      const auto until = std::chrono::steady_clock::now() + kWaitStep;
      while (attempt < kWaitAttempts && std::chrono::steady_clock::now() < until) {
        if (call_.cancel.cancelled()) return call_.fail_with(cancelled_error(), kGeneral);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    }
    call_.say("\nWaiter ImageScanComplete failed: Max attempts exceeded\n");
    return kGeneral;
  }

  ImageCommands& images_;
  GateCall& call_;
  const command::AwsCommand& command_;
  const bool has_own_ = call_.has_own_program("aws");
  int told_ = kGeneral;
};

}  // namespace

int serve_aws(ImageCommands& images, GateCall& call) {
  const auto parsed = command::parse_aws(call.arguments());
  if (!parsed) {
    // Options of other services are theirs to judge.
    const auto words = call.arguments();
    if (std::find(words.begin(), words.end(), "ecr") == words.end() && call.has_own_program("aws"))
      return wire::kRunYourOwn;
    return call.fail_with(parsed.error(), kWrongUsage);
  }
  if (!std::holds_alternative<command::AwsText>(parsed->request))
    for (const auto& note : parsed->notes)
      call.say("note: " + note + "\n");
  return std::visit(AwsFront(images, call, *parsed), parsed->request);
}

}  // namespace scangate
