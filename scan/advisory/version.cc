#include "scan/advisory/version.h"

#include <array>
#include <utility>

#include "scan/advisory/version_schemes.h"

namespace scangate {

std::optional<VersionScheme> parse_version_scheme(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, VersionScheme>, 14> kNames{{
      {"dpkg", VersionScheme::dpkg},
      {"apk", VersionScheme::apk},
      {"rpm", VersionScheme::rpm},
      {"pep440", VersionScheme::pep440},
      {"semver", VersionScheme::semver},
      {"npm", VersionScheme::npm},
      {"go", VersionScheme::go},
      {"gem", VersionScheme::gem},
      {"maven", VersionScheme::maven},
      {"packagist", VersionScheme::packagist},
      {"composer", VersionScheme::packagist},
      {"nuget", VersionScheme::nuget},
      {"cran", VersionScheme::cran},
      {"hex", VersionScheme::semver},
  }};
  for (const auto& [known, scheme] : kNames) {
    if (known == name) return scheme;
  }
  return std::nullopt;
}

std::optional<int> compare_versions(VersionScheme scheme, std::string_view a, std::string_view b) {
  switch (scheme) {
    case VersionScheme::dpkg:
      return versions::compare_dpkg(a, b);
    case VersionScheme::apk:
      return versions::compare_apk(a, b);
    case VersionScheme::rpm:
      return versions::compare_rpm(a, b);
    case VersionScheme::pep440:
      return versions::compare_pep440(a, b);
    case VersionScheme::semver:
      return versions::compare_semver(a, b);
    case VersionScheme::npm:
      return versions::compare_npm(a, b);
    case VersionScheme::go:
      return versions::compare_go(a, b);
    case VersionScheme::gem:
      return versions::compare_gem(a, b);
    case VersionScheme::maven:
      return versions::compare_maven(a, b);
    case VersionScheme::packagist:
      return versions::compare_packagist(a, b);
    case VersionScheme::nuget:
      return versions::compare_nuget(a, b);
    case VersionScheme::cran:
      return versions::compare_cran(a, b);
  }
  return std::nullopt;
}

}  // namespace scangate
