#include "pipeline/registry/url.h"

#include <algorithm>

#include "base/text.h"

namespace scangate {

std::optional<Url> Url::parse(std::string_view text) {
  // Longer ones come from no registry: upload sessions with their state stay below 4 kB.
  constexpr std::size_t kMaxUrlBytes = 16384;
  if (text.size() > kMaxUrlBytes) return std::nullopt;
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7F; }))
    return std::nullopt;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url out;
  out.scheme = to_lower(text.substr(0, colon));
  if (out.scheme != "http" && out.scheme != "https") return std::nullopt;
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  out.host = to_lower(text.substr(0, end));
  if (out.host.empty() || out.host.find('@') != std::string::npos) return std::nullopt;
  out.target = text.substr(end);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  return out;
}

std::optional<Url> Url::resolve(std::string_view reference) const {
  const std::size_t scheme_end = reference.find("://");
  if (scheme_end != std::string_view::npos && reference.find_first_of("/?") > scheme_end) return parse(reference);
  if (reference.starts_with("//")) return parse(scheme + ":" + std::string(reference));
  const std::string path = target.substr(0, target.find('?'));
  std::string joined;
  if (reference.empty())
    joined = target;
  else if (reference.starts_with('/'))
    joined = reference;
  else if (reference.starts_with('?'))
    joined = path + std::string(reference);
  else
    joined = path.substr(0, path.rfind('/') + 1) + std::string(reference);
  return parse(scheme + "://" + host + joined);
}

std::string Url::host_name() const {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_loopback(std::string_view host) {
  const std::string name = Url{.scheme = "http", .host = to_lower(host), .target = "/"}.host_name();
  if (name == "localhost" || name == "[::1]") return true;
  // Only as an address: "127.evil.example" is a name.
  return name.starts_with("127.") && name.find_first_not_of("0123456789.") == std::string::npos &&
         std::count(name.begin(), name.end(), '.') == 3;
}

}  // namespace scangate
