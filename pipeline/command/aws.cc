#include "pipeline/command/aws.h"

#include <algorithm>
#include <map>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/command/docker.h"
#include "pipeline/command/flag_makers.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;

// How many words an option takes.
enum class Takes { nothing, one, list };
using Options = std::map<std::string, Takes, std::less<>>;
using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

const Options kGlobal = {{"region", Takes::one},
                         {"profile", Takes::one},
                         {"output", Takes::one},
                         {"query", Takes::one},
                         {"debug", Takes::nothing},
                         {"no-cli-pager", Takes::nothing},
                         {"no-paginate", Takes::nothing},
                         {"color", Takes::one},
                         {"no-verify-ssl", Takes::nothing},
                         {"cli-read-timeout", Takes::one},
                         {"cli-connect-timeout", Takes::one},
                         {"no-cli-auto-prompt", Takes::nothing},
                         {"version", Takes::nothing},
                         {"help", Takes::nothing}};

const std::vector<std::string> kEcrServed = {"get-login-password",
                                             "get-login",
                                             "get-authorization-token",
                                             "create-repository",
                                             "describe-repositories",
                                             "describe-images",
                                             "list-images",
                                             "put-image-scanning-configuration",
                                             "start-image-scan",
                                             "describe-image-scan-findings",
                                             "wait image-scan-complete"};

// "--name value", "--name=value", "--name value value …" for lists; the rest in order.
Result<std::vector<std::string>> read_options(std::string_view command, Args args, const Options& options,
                                              Values& values) {
  std::vector<std::string> rest;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (!word.starts_with("--") || word.size() == 2) {
      rest.push_back(word);
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
    if (name == "endpoint-url")
      return fail(Error(Fault::user, fmt::format("{}: --endpoint-url is not served by scangate", command))
                      .remedy("a private endpoint is named in the runner host's configuration"));
    auto known = options.find(name);
    if (known == options.end()) {
      known = kGlobal.find(name);
      if (known == kGlobal.end()) {
        std::vector<std::string> names;
        for (const Options* each : {&options, &kGlobal})
          for (const auto& [one, unused] : *each)
            names.push_back(one);
        Error error(Fault::user, fmt::format("{}: unknown option: --{}", command, printable(name)));
        if (const auto like = nearest(name, names))
          return fail(std::move(error).remedy(fmt::format("did you mean --{}?", *like)));
        return fail(std::move(error));
      }
    }
    auto& into = values[name];
    if (known->second == Takes::nothing) {
      into.emplace_back();
      continue;
    }
    if (equals != std::string::npos) {
      into.push_back(word.substr(equals + 1));
      continue;
    }
    if (i + 1 >= args.size()) return fail(Fault::user, fmt::format("{}: --{} needs a value", command, name));
    into.push_back(args[++i]);
    while (known->second == Takes::list && i + 1 < args.size() && !args[i + 1].starts_with("--"))
      into.push_back(args[++i]);
  }
  return rest;
}

std::string last(const Values& values, std::string_view name) {
  const auto found = values.find(name);
  return found == values.end() || found->second.empty() ? "" : found->second.back();
}

bool has(const Values& values, std::string_view name) {
  return values.find(name) != values.end();
}

// The CLI's short form of a structure: "scanOnPush=true", "imageTag=1,imageDigest=sha256:…", or JSON.
Result<nlohmann::json> structure(const std::string& command, std::string_view option, const std::string& text) {
  if (text.starts_with("{")) {
    auto json = parse_json(text, "--" + std::string(option));
    if (!json) return fail(Fault::user, fmt::format("{}: --{}: {}", command, option, json.error().cause()));
    return std::move(*json);
  }
  nlohmann::json out = nlohmann::json::object();
  for (const std::string& part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Fault::user,
                  fmt::format("{}: --{}: expected name=value, found '{}'", command, option, printable(part)));
    const std::string value = part.substr(equals + 1);
    if (value == "true" || value == "false")
      out[part.substr(0, equals)] = value == "true";
    else
      out[part.substr(0, equals)] = value;
  }
  return out;
}

class AwsParser {
 public:
  Result<AwsCommand> run(Args args) {
    if (args.size() > kMaxArguments)
      return fail(Fault::user, fmt::format("aws: more than {} arguments", kMaxArguments));
    // Global options may stand before the service; they end at the first plain word.
    std::size_t first = 0;
    while (first < args.size() && args[first].starts_with("--")) {
      const std::string name = args[first].substr(2, args[first].find('=') - 2);
      const auto known = kGlobal.find(name);
      const bool takes_next =
          known != kGlobal.end() && known->second != Takes::nothing && args[first].find('=') == std::string::npos;
      first += takes_next ? 2 : 1;
    }
    first = std::min(first, args.size());
    SCANGATE_CHECK(read_options("aws", args.subspan(0, first), {}, globals_).map([](const auto&) {}));
    args = args.subspan(first);
    if (has(globals_, "version")) {
      out_.request = AwsText{"aws-cli/2 (the ECR commands, served by scangate)\n"};
      return std::move(out_);
    }
    if (args.empty() || args[0] == "help" || has(globals_, "help")) {
      out_.request = help();
      return std::move(out_);
    }
    const std::string& service = args[0];
    const Args rest = args.subspan(1);
    if (service == "ecr") {
      SCANGATE_TRY(out_.request, ecr(rest));
    } else if (service == "sts" && !rest.empty() && rest[0] == "get-caller-identity") {
      SCANGATE_CHECK(take("aws sts get-caller-identity", rest.subspan(1), {}));
      out_.request = CallerIdentity{};
    } else if (service == "configure") {
      out_.notes.emplace_back("aws configure: the image gate uses the job's AWS_* variables; nothing was stored");
      out_.request = AwsText{};
      return std::move(out_);
    } else {
      out_.request = AwsOther{service};
      return std::move(out_);
    }
    SCANGATE_CHECK(finish());
    return std::move(out_);
  }

 private:
  static AwsText help() {
    return {
        fmt::format("aws: served by scangate: aws ecr {}, aws sts get-caller-identity\n", fmt::join(kEcrServed, ", "))};
  }

  // Options of the command, with the global ones among them; no further words.
  Result<void> take(const std::string& command, Args args, const Options& options) {
    SCANGATE_TRY(const auto rest, read_options(command, args, options, globals_));
    if (!rest.empty())
      return fail(Fault::user, fmt::format("{}: unexpected argument '{}'", command, printable(rest[0])));
    return {};
  }

  Result<void> finish() {
    out_.region = last(globals_, "region");
    if (has(globals_, "region") && !is_aws_region(out_.region))
      return fail(Error(Fault::user, fmt::format("aws: '{}' is no name of a region", printable(out_.region)))
                      .remedy("is a variable not set?"));
    if (has(globals_, "output")) out_.output = last(globals_, "output");
    if (out_.output != "json" && out_.output != "text")
      return fail(Error(Fault::user, fmt::format("aws: --output {} is not served by scangate", printable(out_.output)))
                      .remedy("json and text are"));
    out_.query = last(globals_, "query");
    if (has(globals_, "profile"))
      out_.notes.emplace_back("--profile: the image gate uses the job's AWS_* variables, or what the runner host has");
    if (has(globals_, "no-verify-ssl")) out_.notes.emplace_back("--no-verify-ssl: certificates are always checked");
    return {};
  }

  Result<AwsRequest> ecr(Args args) {
    if (args.empty() || args[0] == "help") return help();
    const std::string& name = args[0];
    const Args rest = args.subspan(1);
    const std::string command = "aws ecr " + name;
    if (name == "get-login-password" || name == "get-login") {
      EcrLogin login{.as_command = name == "get-login", .include_email = false, .registry_ids = {}};
      Options options;
      if (login.as_command)
        options = {
            {"registry-ids", Takes::list}, {"no-include-email", Takes::nothing}, {"include-email", Takes::nothing}};
      SCANGATE_CHECK(take(command, rest, options));
      login.include_email = login.as_command && has(globals_, "include-email");
      login.registry_ids = values("registry-ids");
      return AwsRequest(std::move(login));
    }
    if (name == "wait") return wait(rest);
    if (const auto* found = operation(name)) return call(command, *found, rest, false);
    if (name == "put-image" || name.ends_with("-layer-part") || name.ends_with("-layer-upload"))
      return fail(Error(Fault::user, command + ": is not served by scangate")
                      .remedy("images are pushed with docker push, which scans them first"));
    return fail(flag::not_served("aws ecr", name, kEcrServed));
  }

  Result<AwsRequest> wait(Args args) {
    if (args.empty() || args[0] != "image-scan-complete")
      return fail(flag::not_served("aws ecr wait", args.empty() ? "" : args[0], {"image-scan-complete"}));
    return call("aws ecr wait image-scan-complete", *operation("describe-image-scan-findings"), args.subspan(1), true);
  }

  // How an option gets into the request's body.
  enum class Shape { text, number, texts, structure, structures };
  struct Field {
    std::string_view option;
    std::string_view member;
    Shape shape;
    bool required = false;
  };
  struct Operation {
    std::string_view command;
    std::string_view name;
    std::vector<Field> fields;
  };

  static const Operation* operation(std::string_view command) {
    constexpr Field kRepository{"repository-name", "repositoryName", Shape::text, true};
    constexpr Field kRegistry{"registry-id", "registryId", Shape::text};
    static const std::vector<Operation> kOperations = {
        {"get-authorization-token", "GetAuthorizationToken", {{"registry-ids", "registryIds", Shape::texts}}},
        {"create-repository",
         "CreateRepository",
         {kRepository,
          kRegistry,
          {"image-scanning-configuration", "imageScanningConfiguration", Shape::structure},
          {"image-tag-mutability", "imageTagMutability", Shape::text},
          {"encryption-configuration", "encryptionConfiguration", Shape::structure},
          {"tags", "tags", Shape::structures}}},
        {"describe-repositories",
         "DescribeRepositories",
         {{"repository-names", "repositoryNames", Shape::texts},
          kRegistry,
          {"max-items", "maxResults", Shape::number}}},
        {"describe-images",
         "DescribeImages",
         {kRepository,
          kRegistry,
          {"image-ids", "imageIds", Shape::structures},
          {"max-items", "maxResults", Shape::number}}},
        {"list-images", "ListImages", {kRepository, kRegistry, {"max-items", "maxResults", Shape::number}}},
        {"put-image-scanning-configuration",
         "PutImageScanningConfiguration",
         {kRepository,
          kRegistry,
          {"image-scanning-configuration", "imageScanningConfiguration", Shape::structure, true}}},
        {"start-image-scan",
         "StartImageScan",
         {kRepository, kRegistry, {"image-id", "imageId", Shape::structure, true}}},
        {"describe-image-scan-findings",
         "DescribeImageScanFindings",
         {kRepository,
          kRegistry,
          {"image-id", "imageId", Shape::structure, true},
          {"max-items", "maxResults", Shape::number}}}};
    const auto found = std::find_if(kOperations.begin(), kOperations.end(),
                                    [&](const Operation& one) { return one.command == command; });
    return found == kOperations.end() ? nullptr : &*found;
  }

  Result<AwsRequest> call(const std::string& command, const Operation& operation, Args args, bool waits) {
    Options options;
    for (const Field& field : operation.fields) {
      const bool list = field.shape == Shape::texts || field.shape == Shape::structures;
      options.emplace(std::string(field.option), list ? Takes::list : Takes::one);
    }
    SCANGATE_CHECK(take(command, args, options));
    nlohmann::json body = nlohmann::json::object();
    for (const Field& field : operation.fields) {
      const auto given = values(field.option);
      if (given.empty()) {
        if (field.required) return fail(Fault::user, fmt::format("{}: --{} is required", command, field.option));
        continue;
      }
      SCANGATE_TRY(body[std::string(field.member)], member(command, field, given));
    }
    EcrCall out{.operation = std::string(operation.name), .body = dump_json(body), .wait = waits};
    return AwsRequest(std::move(out));
  }

  static Result<nlohmann::json> member(const std::string& command, const Field& field,
                                       const std::vector<std::string>& given) {
    switch (field.shape) {
      case Shape::texts:
        return nlohmann::json(given);
      case Shape::structure:
        return structure(command, field.option, given.back());
      case Shape::structures: {
        nlohmann::json out = nlohmann::json::array();
        for (const auto& one : given) {
          SCANGATE_TRY(auto value, structure(command, field.option, one));
          out.push_back(std::move(value));
        }
        return out;
      }
      case Shape::number: {
        const std::string& text = given.back();
        if (text.empty() || text.size() > 4 || text.find_first_not_of("0123456789") != std::string::npos)
          return fail(Fault::user, fmt::format("{}: --{}: '{}' is no number", command, field.option, printable(text)));
        return nlohmann::json(std::stoi(text));
      }
      case Shape::text:
        break;
    }
    if (given.back().empty())
      return fail(
          Error(Fault::user, fmt::format("{}: --{} is empty", command, field.option)).remedy("is a variable not set?"));
    return nlohmann::json(given.back());
  }

  std::vector<std::string> values(std::string_view option) const {
    const auto found = globals_.find(option);
    return found == globals_.end() ? std::vector<std::string>{} : found->second;
  }

  AwsCommand out_;
  Values globals_;
};

}  // namespace

bool is_aws_region(std::string_view text) {
  // "us-gov-west-1", "cn-northwest-1": letters, digits and dashes; the longest today has 14.
  return !text.empty() && text.size() <= 32 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

Result<AwsCommand> parse_aws(std::span<const std::string> args) {
  return AwsParser().run(args);
}

}  // namespace scangate::command
