#include "executor/services/service_names.h"

#include <algorithm>

#include "base/text.h"

namespace scangate {
namespace {

// The longest name a resolver takes: RFC 1035, section 2.3.4.
constexpr std::size_t kMaxNameBytes = 253;

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

// Without digest and tag; a colon before a slash is a port.
std::string_view without_version(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t colon = image.rfind(':');
  if (colon != std::string_view::npos && image.find('/', colon) == std::string_view::npos)
    image = image.substr(0, colon);
  return image;
}

std::string replaced(std::string_view text, std::string_view with) {
  std::string out;
  for (const char c : text)
    if (c == '/')
      out += with;
    else
      out += c;
  return out;
}

}  // namespace

std::vector<std::string> service_names(std::string_view image, const std::vector<std::string>& aliases) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    if (is_host_name(name) && std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  };
  for (const auto& alias : aliases)
    add(alias);
  const std::string_view plain = without_version(image);
  const std::size_t slash = plain.find('/');
  const std::string_view first = plain.substr(0, slash);
  // What makes the first part a host: distribution, reference/normalize.go.
  const bool has_host =
      slash != std::string_view::npos && (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  const std::string path(has_host ? plain.substr(slash + 1) : plain);
  const std::string whole = has_host ? std::string(first.substr(0, first.find(':'))) + "/" + path : path;
  for (const std::string& name : {whole, path}) {
    add(replaced(name, "__"));
    add(replaced(name, "-"));
  }
  return out;
}

std::string hosts_file(std::string_view host_file, std::string_view hostname, const std::vector<std::string>& names) {
  std::string out = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t";
  out += hostname;
  out += '\n';
  for (const auto& name : names)
    out += "127.0.0.1\t" + name + "\n";
  for (const auto& line : split(host_file, '\n')) {
    const std::string_view text = trim(line);
    if (text.empty() || text.starts_with('#') || text.starts_with("127.") || text.starts_with("::1")) continue;
    out += std::string(text) + "\n";
  }
  return out;
}

}  // namespace scangate
