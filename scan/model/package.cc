#include "scan/model/package.h"

#include <fmt/format.h>

#include "base/text.h"

namespace scangate {
namespace {

// package-url spec, "Character encoding": letters, digits, ".", "-", "_", "~" and the colon stand as they are.
bool stands_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_' || c == '~' || c == ':';
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (stands_plain(c))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string distro_qualifier(const OsRelease& os) {
  if (os.id.empty()) return {};
  const std::string& version = os.version_id.empty() ? os.version_codename : os.version_id;
  return version.empty() ? os.id : os.id + "-" + version;
}

// PURL-TYPES: names of these types are not case sensitive and are written in lower case.
std::string cased(const Package& package, std::string_view text) {
  const bool lower = package.type == "deb" || package.type == "apk" || package.type == "pypi" || package.type == "npm";
  return lower ? to_lower(text) : std::string(text);
}

}  // namespace

std::string purl(const Package& package, const OsRelease& os) {
  std::string out = "pkg:" + to_lower(package.type);
  if (!package.name_space.empty())
    for (const std::string& segment : split(cased(package, package.name_space), '/'))
      if (!segment.empty()) out += "/" + percent_encoded(segment);
  out += "/" + percent_encoded(cased(package, package.name));
  if (!package.version.empty()) out += "@" + percent_encoded(package.version);
  // Qualifiers are sorted by key: arch, distro.
  char separator = '?';
  if (!package.architecture.empty()) {
    out += fmt::format("{}arch={}", separator, percent_encoded(package.architecture));
    separator = '&';
  }
  if (is_os_package(package))
    if (const std::string distro = distro_qualifier(os); !distro.empty())
      out += fmt::format("{}distro={}", separator, percent_encoded(distro));
  return out;
}

bool is_os_package(const Package& package) {
  return package.type == "deb" || package.type == "apk" || package.type == "rpm";
}

}  // namespace scangate
