#include "scan/advisory/ecosystem.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "scan/advisory/advisory.h"
#include "scan/advisory/version_schemes.h"

namespace scangate {
namespace {

using NameToScheme = std::pair<std::string_view, VersionScheme>;
constexpr std::array kSchemes{
    NameToScheme{"Debian", VersionScheme::dpkg},
    NameToScheme{"Ubuntu", VersionScheme::dpkg},
    NameToScheme{"Alpine", VersionScheme::apk},
    NameToScheme{"Wolfi", VersionScheme::apk},
    NameToScheme{"Chainguard", VersionScheme::apk},
    NameToScheme{"Alpaquita", VersionScheme::apk},
    NameToScheme{"BellSoft Hardened Containers", VersionScheme::apk},
    NameToScheme{"MinimOS", VersionScheme::apk},
    NameToScheme{"AlmaLinux", VersionScheme::rpm},
    NameToScheme{"Rocky Linux", VersionScheme::rpm},
    NameToScheme{"Red Hat", VersionScheme::rpm},
    NameToScheme{"SUSE", VersionScheme::rpm},
    NameToScheme{"openSUSE", VersionScheme::rpm},
    NameToScheme{"openEuler", VersionScheme::rpm},
    NameToScheme{"Photon OS", VersionScheme::rpm},
    NameToScheme{"Mageia", VersionScheme::rpm},
    NameToScheme{"Azure Linux", VersionScheme::rpm},
    NameToScheme{"PyPI", VersionScheme::pep440},
    NameToScheme{"npm", VersionScheme::npm},
    NameToScheme{"Go", VersionScheme::go},
    NameToScheme{"RubyGems", VersionScheme::gem},
    NameToScheme{"Maven", VersionScheme::maven},
    NameToScheme{"Packagist", VersionScheme::packagist},
    NameToScheme{"NuGet", VersionScheme::nuget},
    NameToScheme{"CRAN", VersionScheme::cran},
    NameToScheme{"crates.io", VersionScheme::semver},
    NameToScheme{"Bitnami", VersionScheme::semver},
    NameToScheme{"SwiftURL", VersionScheme::npm},
    NameToScheme{"Hex", VersionScheme::semver},
};

using NamePair = std::pair<std::string_view, std::string_view>;
constexpr std::array kLanguageEcosystems{
    NamePair{"pypi", "PyPI"},       NamePair{"npm", "npm"},
    NamePair{"golang", "Go"},       NamePair{"gem", "RubyGems"},
    NamePair{"cargo", "crates.io"}, NamePair{"maven", "Maven"},
    NamePair{"nuget", "NuGet"},     NamePair{"composer", "Packagist"},
    NamePair{"hex", "Hex"},         NamePair{"pub", "Pub"},
    NamePair{"swift", "SwiftURL"},
};

// Images of Debian testing and unstable have no VERSION_ID; testing becomes the release of its codename.
constexpr std::array kDebianCodenames{
    NamePair{"stretch", "9"},   NamePair{"buster", "10"}, NamePair{"bullseye", "11"},
    NamePair{"bookworm", "12"}, NamePair{"trixie", "13"}, NamePair{"forky", "14"},
};

template <std::size_t N>
std::optional<std::string_view> find(const std::array<NamePair, N>& table, std::string_view key) {
  for (const auto& [name, value] : table) {
    if (name == key) return value;
  }
  return std::nullopt;
}

std::string_view first_component(std::string_view version) {
  return version.substr(0, version.find('.'));
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), versions::is_digit);
}

std::string debian(const OsRelease& os) {
  const std::string_view release = first_component(os.version_id);
  if (all_digits(release)) return "Debian:" + std::string(release);
  if (const auto known = find(kDebianCodenames, os.version_codename)) return "Debian:" + std::string(*known);
  return "Debian:" + (os.version_codename.empty() ? std::string("unknown release") : os.version_codename);
}

// Long-term releases are those of April in even years; only they carry the suffix.
std::string ubuntu(const OsRelease& os) {
  const auto parts = split(os.version_id, '.');
  std::string name = "Ubuntu:" + os.version_id;
  const bool april = parts.size() == 2 && parts[1] == "04" && all_digits(parts[0]);
  if (april && (parts[0].back() - '0') % 2 == 0) name += ":LTS";
  return name;
}

std::string alpine(const OsRelease& os) {
  const auto parts = split(os.version_id, '.');
  // "3.21.0_alpha20240923" is what edge calls itself.
  if (os.version_id.find("_alpha") != std::string::npos) return "Alpine:edge";
  if (parts.size() < 2 || !all_digits(parts[0]) || !all_digits(parts[1])) return "Alpine:unknown release";
  return "Alpine:v" + parts[0] + "." + parts[1];
}

std::string os_ecosystem(const OsRelease& os) {
  if (os.id == "debian") return debian(os);
  if (os.id == "ubuntu") return ubuntu(os);
  if (os.id == "alpine") return alpine(os);
  if (os.id == "wolfi") return "Wolfi";
  if (os.id == "chainguard") return "Chainguard";
  const std::string major(first_component(os.version_id));
  if (os.id == "almalinux") return "AlmaLinux:" + major;
  if (os.id == "rocky") return "Rocky Linux:" + major;
  // A derivative patches and versions on its own: its parent's advisories (ID_LIKE) would be guesses.
  if (os.id.empty()) return "unknown distribution";
  return os.version_id.empty() ? os.id : os.id + ":" + os.version_id;
}

}  // namespace

std::string_view ecosystem_family(std::string_view ecosystem) {
  return ecosystem.substr(0, ecosystem.find(':'));
}

std::optional<VersionScheme> ecosystem_scheme(std::string_view ecosystem) {
  const std::string_view family = ecosystem_family(ecosystem);
  for (const auto& [name, scheme] : kSchemes) {
    if (name == family) return scheme;
  }
  return std::nullopt;
}

std::string ecosystem_package_name(std::string_view ecosystem, std::string_view name) {
  if (ecosystem_family(ecosystem) != "PyPI") return std::string(name);
  std::string normal;
  for (const char c : to_lower(name)) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (!separator)
      normal += c;
    else if (!normal.ends_with('-'))
      normal += '-';
  }
  return normal;
}

std::optional<std::string> ecosystem_of(const Package& package, const std::optional<OsRelease>& os) {
  if (is_os_package(package)) return os ? os_ecosystem(*os) : "unknown distribution";
  if (const auto language = find(kLanguageEcosystems, package.type)) return std::string(*language);
  return std::nullopt;
}

std::optional<LookupKey> lookup_key(const Package& package, const std::optional<OsRelease>& os) {
  auto ecosystem = ecosystem_of(package, os);
  if (!ecosystem) return std::nullopt;
  LookupKey key{.ecosystem = std::move(*ecosystem), .name = {}, .version = package.version};
  // Debian's, Ubuntu's and Alpine's data name source packages; that of the rpm distributions names binary ones.
  if (package.type == "deb" || package.type == "apk") {
    key.name = package.source_name.empty() ? package.name : package.source_name;
    if (!package.source_version.empty()) key.version = package.source_version;
  } else if (package.type == "npm" && !package.name_space.empty()) {
    key.name = package.name_space + "/" + package.name;
  } else if ((package.type == "golang" || package.type == "composer") && !package.name_space.empty()) {
    key.name = package.name_space + "/" + package.name;
  } else if (package.type == "maven" && !package.name_space.empty()) {
    key.name = package.name_space + ":" + package.name;
  } else {
    key.name = ecosystem_package_name(key.ecosystem, package.name);
  }
  return key;
}

}  // namespace scangate
