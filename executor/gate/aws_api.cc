#include "executor/gate/aws_api.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/file.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/command/aws.h"

namespace scangate {
namespace {

// The largest answers are pages of scan findings, about a megabyte.
constexpr std::uint64_t kMaxAnswerBytes = 8U << 20U;
constexpr std::size_t kMaxCredentialsFileBytes = 64U << 10U;
constexpr std::chrono::seconds kTimeout{60};
constexpr int kAttempts = 3;
constexpr std::chrono::milliseconds kFirstDelay{500};

// Profile "default" of a file in the AWS CLI's form.
Result<AwsSignature> read_credentials_file(const std::filesystem::path& path) {
  SCANGATE_TRY(const std::string text, read_file(path, kMaxCredentialsFileBytes));
  AwsSignature out;
  bool is_default = false;
  for (const std::string& raw : split(text, '\n')) {
    const std::string_view line = trim(raw);
    if (line.starts_with("[")) is_default = line == "[default]";
    const std::size_t equals = line.find('=');
    if (!is_default || equals == std::string_view::npos || line.starts_with("#")) continue;
    const std::string_view name = trim(line.substr(0, equals));
    const std::string value(trim(line.substr(equals + 1)));
    if (name == "aws_access_key_id") out.access_key = value;
    if (name == "aws_secret_access_key") out.secret_key = value;
    if (name == "aws_session_token") out.session_token = value;
  }
  if (out.access_key.empty() || out.secret_key.empty())
    return fail(Error(Fault::host, "no aws_access_key_id and aws_secret_access_key under [default]").at(path.string()));
  return out;
}

bool is_worth_another_try(const AwsAnswer& answer) {
  return answer.status == 429 || answer.status >= 500 || answer.error_code == "ThrottlingException";
}

std::string endpoint_of(const std::string& named, std::string_view service, const std::string& region) {
  if (!named.empty()) return named.ends_with('/') ? named : named + "/";
  const std::string_view domain = region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return fmt::format("https://{}.{}.{}/", service, region, domain);
}

}  // namespace

std::string host_of_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  return to_lower(url.substr(0, url.find('/')));
}

Result<AwsApi> AwsApi::open(ImageCommands& images, GateCall& call, const std::string& region) {
  std::string chosen = region;
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
    if (chosen.empty()) chosen = call.variable(name).value_or("");
  if (chosen.empty())
    return fail(Error(Fault::user, "aws: no region is set").remedy("use --region, or set AWS_DEFAULT_REGION"));
  if (!command::is_aws_region(chosen))
    return fail(Error(Fault::user, fmt::format("aws: '{}' is no name of a region", printable(chosen))));
  return AwsApi(images, call, std::move(chosen));
}

Result<AwsSignature> AwsApi::keys_for(const std::string& url, std::string_view service) const {
  const std::string host = host_of_url(url);
  const auto revealed = [&](std::string_view name) { return images_.reveal(call_.variable(name).value_or(""), host); };
  AwsSignature keys{.region = {},
                    .service = {},
                    .access_key = revealed("AWS_ACCESS_KEY_ID"),
                    .secret_key = revealed("AWS_SECRET_ACCESS_KEY"),
                    .session_token = revealed("AWS_SESSION_TOKEN")};
  if (keys.access_key.empty() || keys.secret_key.empty()) {
    const auto& file = images_.engine().settings().aws.credentials_file;
    if (file.empty())
      return fail(Error(Fault::user, "aws: unable to locate credentials")
                      .remedy("set the CI variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
    SCANGATE_TRY(keys, read_credentials_file(file));
  }
  keys.region = region_;
  keys.service = service;
  return keys;
}

Result<AwsAnswer> AwsApi::send(HttpRequest request, std::string_view service) {
  const AwsSettings& settings = images_.engine().settings().aws;
  SCANGATE_TRY(request.aws_signature, keys_for(request.url, service));
  request.method = "POST";
  request.ca_file = settings.ca_file;
  // Only the host's own configuration can name such an endpoint.
  request.plain_http = request.url.starts_with("http://");
  request.timeout = kTimeout;
  request.max_reply_bytes = kMaxAnswerBytes;
  auto delay = kFirstDelay;
  for (int attempt = 1;; ++attempt, delay *= 2) {
    StringSink body(kMaxAnswerBytes);
    auto reply = images_.engine().transport()->send(request, body, call_.cancel);
    if (!reply && (attempt == kAttempts || !reply.error().is_worth_retrying())) return fail(std::move(reply).error());
    if (reply) {
      AwsAnswer answer{.status = reply->status, .body = std::move(body.text())};
      const auto json = parse_json(answer.body, redact(request.url));
      if (!answer.ok() && json) {
        // "__type" in the JSON protocol, sometimes with a namespace; "Error" from STS.
        const auto& nested = json_object(*json, "Error");
        const std::string type = json_string(*json, "__type", json_string(nested, "Code"));
        answer.error_code = type.substr(type.find('#') + 1);
        answer.error_message =
            json_string(*json, "message", json_string(*json, "Message", json_string(nested, "Message")));
      }
      if (answer.ok() && !json) return fail(Error(Fault::remote, "the answer is no JSON").at(redact(request.url)));
      if (attempt == kAttempts || !is_worth_another_try(answer)) return answer;
    }
    const auto until = std::chrono::steady_clock::now() + delay;
    while (std::chrono::steady_clock::now() < until) {
      if (call_.cancel.cancelled()) return fail(cancelled_error());
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

Result<AwsAnswer> AwsApi::ecr(std::string_view operation, const std::string& body) {
  HttpRequest request;
  request.url = endpoint_of(images_.engine().settings().aws.endpoint, "api.ecr", region_);
  request.headers = {{"Content-Type", "application/x-amz-json-1.1"},
                     {"X-Amz-Target", fmt::format("AmazonEC2ContainerRegistry_V20150921.{}", operation)}};
  request.body = body;
  return send(std::move(request), "ecr");
}

Result<AwsAnswer> AwsApi::caller_identity() {
  HttpRequest request;
  request.url = endpoint_of(images_.engine().settings().aws.sts_endpoint, "sts", region_);
  request.headers = {{"Accept", "application/json"},
                     {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  request.body = "Action=GetCallerIdentity&Version=2011-06-15";
  return send(std::move(request), "sts");
}

}  // namespace scangate
