#pragma once
// http and https URLs as registries send them. RFC 3986.
#include <optional>
#include <string>
#include <string_view>

namespace scangate {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // as written, IPv6 in brackets, with the port when one is given
  std::string target;  // path and query; at least "/"

  // nullopt for another scheme, user names in it, or control characters.
  static std::optional<Url> parse(std::string_view text);
  // RFC 3986 section 5.2 for what comes in Location and Link: absolute, "//host/…", "/path", "?query" or relative.
  std::optional<Url> resolve(std::string_view reference) const;
  std::string str() const { return scheme + "://" + host + target; }
  std::string host_name() const;  // without the port
  bool same_origin(const Url& other) const { return scheme == other.scheme && host == other.host; }
};

// localhost, 127.0.0.0/8, [::1], with or without a port.
bool is_loopback(std::string_view host);

}  // namespace scangate
