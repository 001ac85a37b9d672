#pragma once
// Version orders of the package systems.
#include <optional>
#include <string_view>

namespace scangate {

enum class VersionScheme {
  dpkg,       // deb-version(7)
  apk,        // apk-tools' version.c behaviour
  rpm,        // rpmvercmp: rpm-version(7)
  pep440,     // PEP 440
  semver,     // SemVer 2.0.0 section 11; OSV's SEMVER order
  npm,        // node-semver's order (same as semver, leading "v" allowed)
  go,         // module versions and the toolchain's own
  gem,        // Gem::Version
  maven,      // POM reference, version order specification
  packagist,  // Composer
  nuget,      // NuGet package versioning
  cran,       // R's package_version
};
std::optional<VersionScheme> parse_version_scheme(std::string_view name);

// <0, 0, >0 as a is before, equal to, or after b; nullopt when either is not a version of the scheme. Linear time.
std::optional<int> compare_versions(VersionScheme scheme, std::string_view a, std::string_view b);

}  // namespace scangate
