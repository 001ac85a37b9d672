#include "pipeline/registry/reply_error.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"

namespace scangate {
namespace {

// What fits in a line that people read.
constexpr std::size_t kMaxMessageBytes = 300;
constexpr std::size_t kMaxMessages = 5;

std::string one_line(std::string_view text) {
  std::string out = redact(printable(trim(text)));
  std::replace(out.begin(), out.end(), '\n', ' ');
  if (out.size() > kMaxMessageBytes) {
    out.resize(kMaxMessageBytes);
    out = printable(out) + "…";
  }
  return out;
}

}  // namespace

std::string registry_message(std::string_view body) {
  const auto document = parse_json(body, "reply");
  if (!document || !document->is_object()) {
    const std::string_view line = trim(body.substr(0, body.find('\n')));
    return line.starts_with('<') ? std::string() : one_line(line);  // a proxy's HTML page tells nothing
  }
  std::string out;
  std::size_t count = 0;
  for (const auto& error : json_array(*document, "errors")) {
    if (++count > kMaxMessages) break;
    std::string text = json_string(error, "message");
    if (text.empty()) text = to_lower(json_string(error, "code"));
    // ECR and Docker Hub say in detail what the message does not.
    if (const std::string detail = json_string(error, "detail"); !detail.empty() && detail != text)
      text += text.empty() ? detail : ": " + detail;
    if (!text.empty()) out += (out.empty() ? "" : "; ") + text;
  }
  if (out.empty()) out = json_string(*document, "message");
  if (out.empty()) out = json_string(*document, "details");
  if (out.empty()) out = json_string(*document, "error_description");
  return one_line(out);
}

bool has_error_code(std::string_view body, std::string_view code) {
  const auto document = parse_json(body, "reply");
  if (!document || !document->is_object()) return false;
  const auto& errors = json_array(*document, "errors");
  return std::any_of(errors.begin(), errors.end(),
                     [&](const auto& error) { return json_string(error, "code") == code; });
}

bool is_worth_retrying(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504 ||
         status == 522;
}

Error refused_credentials(const Endpoint& endpoint, const HttpReply& reply, std::string_view body) {
  const std::string message = registry_message(body);
  return Error(Fault::user, fmt::format("the registry refused the credentials ({}{})", reply.status,
                                        message.empty() ? "" : ": " + message))
      .at(endpoint.registry)
      .remedy("docker login " + endpoint.registry);
}

Error reply_error(const Endpoint& endpoint, const HttpReply& reply, std::string_view body, std::string_view doing) {
  const std::string message = registry_message(body);
  const std::string said = fmt::format("{}{}", reply.status, message.empty() ? "" : ": " + message);
  const std::string place = redact(reply.url);
  switch (reply.status) {
    case 401:
      return refused_credentials(endpoint, reply, body);
    case 403:
      return Error(Fault::user, fmt::format("{} is denied ({})", doing, said))
          .at(place)
          .remedy("check what the credentials for " + endpoint.registry + " may do");
    case 404:
      if (has_error_code(body, "NAME_UNKNOWN"))
        return Error(Fault::user, fmt::format("{}: the repository does not exist ({})", doing, said))
            .at(place)
            .remedy("create the repository first, or check its name");
      return Error(Fault::user, fmt::format("{}: it does not exist ({})", doing, said))
          .at(place)
          .remedy("check the name and the tag");
    case 413:
      return Error(Fault::remote, fmt::format("{}: too large for the registry ({})", doing, said)).at(place);
    case 429:
      return Error(Fault::remote, fmt::format("{}: too many requests ({})", doing, said))
          .at(place)
          .remedy("log in, use a mirror, or wait")
          .worth_retrying();
    default:
      break;
  }
  auto error = Error(Fault::remote, fmt::format("{}: the registry answered {}", doing, said)).at(place);
  return is_worth_retrying(reply.status) ? std::move(error).worth_retrying() : std::move(error);
}

}  // namespace scangate
