#include "executor/forward/forward_rules.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace scangate {
namespace {

std::string_view path_of(std::string_view target) {
  return target.substr(0, target.find('?'));
}

std::optional<char> hex_pair(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (text.size() < 2 || digit(text[0]) < 0 || digit(text[1]) < 0) return std::nullopt;
  return static_cast<char>(digit(text[0]) * 16 + digit(text[1]));
}

// Percent-decoded once; nullopt for a broken escape.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = hex_pair(text.substr(i + 1));
    if (!byte) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

// A path that every server on the way reads alike.
bool is_plain(std::string_view path) {
  if (!path.starts_with('/')) return false;
  const auto text = decoded(path);
  if (!text) return false;
  // A server that decodes twice must find nothing new: a percent sign that is itself encoded is not needed by any API.
  for (const char c : *text)
    if (c == '\\' || c == '%' || c == '?' || c == '#' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return false;
  const auto segments = split(std::string_view(*text).substr(1), '/');
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i] == "." || segments[i] == "..") return false;
    if (segments[i].empty() && i + 1 != segments.size()) return false;
  }
  return true;
}

bool is_git(std::string_view path) {
  static constexpr std::array<std::string_view, 3> kEndings = {"/info/refs", "/git-upload-pack", "/git-receive-pack"};
  for (const auto ending : kEndings)
    if (path.ends_with(ending))
      return std::count(path.begin(), path.end() - static_cast<std::ptrdiff_t>(ending.size()), '/') >= 2;
  return path.find(".git/info/lfs/") != std::string_view::npos ||
         path.find(".git/gitlab-lfs/") != std::string_view::npos;
}

}  // namespace

std::optional<std::string> why_not_forwarded(std::string_view method, std::string_view target, std::string_view root) {
  static constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end())
    return "the method " + printable(method) + " is not forwarded";
  std::string_view path = path_of(target);
  if (!is_plain(path)) return std::string("the path can be read in more than one way");
  if (!path.starts_with(root) || (path.size() > root.size() && path[root.size()] != '/'))
    return std::string("the path is not GitLab's");
  path.remove_prefix(root.size());
  if (path == "/jwt/auth" || path.starts_with("/jwt/") || path == "/v2" || path.starts_with("/v2/"))
    return std::string(
        "registry tokens are not given to jobs: use docker login, pull and push, which the image gate serves");
  if (path.starts_with("/api/v4/") || path == "/api/graphql") return std::nullopt;
  if (is_git(path)) return std::nullopt;
  return std::string("only GitLab's API and git are forwarded");
}

bool takes_trigger_token(std::string_view method, std::string_view target, std::string_view root) {
  std::string_view path = path_of(target);
  if (method != "POST" || !path.starts_with(root)) return false;
  path.remove_prefix(root.size());
  return path.starts_with("/api/v4/projects/") && path.ends_with("/trigger/pipeline");
}

}  // namespace scangate
