#pragma once
// What an image holds.
#include <compare>
#include <optional>
#include <string>
#include <vector>

namespace scangate {

// /etc/os-release (os-release(5)); empty strings where a field is absent.
struct OsRelease {
  std::string id;                // "debian", "alpine"
  std::string version_id;        // "12", "3.19.1"
  std::string version_codename;  // "bookworm"
  std::string pretty_name;
  std::string id_like;
  auto operator<=>(const OsRelease&) const = default;
};

// One installed package. `type` is the purl type (package-url spec, PURL-TYPES): "deb", "apk", "pypi", "npm".
struct Package {
  std::string type;
  std::string name_space;      // purl namespace: "debian" for deb, "alpine" for apk, "@scope" for npm; else empty
  std::string name;            // binary package name; PyPI names normalised (PEP 503)
  std::string version;         // as installed, complete ("1:9.2p1-2+deb12u3")
  std::string architecture;    // empty where the type has none
  std::string source_name;     // dpkg Source / apk origin; equals name where there is none
  std::string source_version;  // equals version where the record names none
  std::vector<std::string> licences;  // as the package states them; SPDX ids where it does
  std::vector<std::string> paths;     // files that showed it, relative to the image root without leading slash, sorted
  // The OS package (name) whose file list holds `paths`: a language package the distribution patches, so language
  // advisories do not apply.
  std::optional<std::string> owned_by;
  std::size_t layer = 0;  // index of the layer that brought this version, 0 is the lowest
  auto operator<=>(const Package&) const = default;
};

// "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12"; percent-encoded as package-url spec, section
// "Rules for each purl component". `os` gives the distro qualifier of OS packages.
std::string purl(const Package& package, const OsRelease& os);

// True for packages of the image's distribution (deb, apk, rpm), false for language packages.
bool is_os_package(const Package& package);

}  // namespace scangate
