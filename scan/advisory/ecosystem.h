#pragma once
// OSV ecosystems: their names, which order their versions have, how they spell package names.
// https://ossf.github.io/osv-schema/, "Defined Ecosystems".
#include <optional>
#include <string>
#include <string_view>

#include "scan/advisory/version.h"
#include "scan/model/package.h"

namespace scangate {

// "Debian" of "Debian:12".
std::string_view ecosystem_family(std::string_view ecosystem);
// nullopt: we cannot order its versions yet, so nothing is matched against it.
std::optional<VersionScheme> ecosystem_scheme(std::string_view ecosystem);
// PyPI names normalised (PEP 503), everything else as it stands.
std::string ecosystem_package_name(std::string_view ecosystem, std::string_view name);

// What the package is looked up by in its ecosystem's advisories.
struct LookupKey {
  std::string ecosystem;
  std::string name;
  std::string version;
};
std::optional<LookupKey> lookup_key(const Package& package, const std::optional<OsRelease>& os);

}  // namespace scangate
