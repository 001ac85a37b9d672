#include "executor/forward/trigger_token.h"

#include <algorithm>

#include "base/text.h"

namespace scangate {
namespace {

// The stretch of `body` from `begin` to `end` revealed.
std::string reveal_stretch(std::string_view body, std::size_t begin, std::size_t end, const Broker& broker,
                           std::string_view host) {
  return std::string(body.substr(0, begin)) + broker.reveal(body.substr(begin, end - begin), host) +
         std::string(body.substr(end));
}

std::string reveal_form(std::string_view body, const Broker& broker, std::string_view host) {
  for (std::size_t begin = 0; begin < body.size();) {
    const std::size_t end = std::min(body.find('&', begin), body.size());
    if (body.substr(begin, end - begin).starts_with("token="))
      return reveal_stretch(body, begin + 6, end, broker, host);
    begin = end + 1;
  }
  return std::string(body);
}

std::string reveal_multipart(std::string_view body, std::string_view boundary, const Broker& broker,
                             std::string_view host) {
  const std::string delimiter = "--" + std::string(boundary);
  for (std::size_t part = body.find(delimiter); part != std::string_view::npos;) {
    const std::size_t next = body.find("\r\n" + delimiter, part + delimiter.size());
    const std::size_t head_end = body.find("\r\n\r\n", part);
    if (next == std::string_view::npos || head_end == std::string_view::npos) break;
    const std::string head = to_lower(body.substr(part, head_end - part));
    if (head_end + 4 <= next && head.find("form-data; name=\"token\"") != std::string::npos)
      return reveal_stretch(body, head_end + 4, next, broker, host);
    part = next + 2;
  }
  return std::string(body);
}

std::string reveal_json(std::string_view body, const Broker& broker, std::string_view host) {
  // Only the form {"token": "…"}: a key of that name inside another value is not told apart, so a document with two is
  // left alone.
  const std::size_t key = body.find("\"token\"");
  if (key == std::string_view::npos || body.find("\"token\"", key + 1) != std::string_view::npos ||
      body.find("\"variables\"") < key)
    return std::string(body);
  std::size_t begin = body.find_first_not_of(" \t\r\n", key + 7);
  if (begin == std::string_view::npos || body[begin] != ':') return std::string(body);
  begin = body.find_first_not_of(" \t\r\n", begin + 1);
  if (begin == std::string_view::npos || body[begin] != '"') return std::string(body);
  const std::size_t end = body.find('"', begin + 1);
  return end == std::string_view::npos ? std::string(body) : reveal_stretch(body, begin + 1, end, broker, host);
}

}  // namespace

std::string reveal_trigger_token(std::string_view content_type, std::string_view body, const Broker& broker,
                                 std::string_view host) {
  const std::string type = to_lower(content_type.substr(0, content_type.find(';')));
  if (type == "application/x-www-form-urlencoded") return reveal_form(body, broker, host);
  if (type == "application/json") return reveal_json(body, broker, host);
  if (type == "multipart/form-data") {
    const std::size_t at = content_type.find("boundary=");
    if (at == std::string_view::npos) return std::string(body);
    std::string_view boundary = content_type.substr(at + 9);
    boundary = boundary.substr(0, boundary.find(';'));
    if (boundary.size() >= 2 && boundary.front() == '"' && boundary.back() == '"')
      boundary = boundary.substr(1, boundary.size() - 2);
    if (!boundary.empty()) return reveal_multipart(body, boundary, broker, host);
  }
  return std::string(body);
}

}  // namespace scangate
