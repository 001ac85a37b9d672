#pragma once
// Name globs and version ranges of rules.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scan/advisory/version.h"
#include "scan/model/package.h"

namespace scangate {

// "*" any text, "?" one byte, everything else itself; case counts.
bool glob_matches(std::string_view glob, std::string_view text);

// ">= 1.0, < 2.0": all parts have to hold.
struct VersionBound {
  enum class Op { less, less_equal, equal, not_equal, greater_equal, greater };
  Op op = Op::equal;
  std::string version;
};
std::optional<std::vector<VersionBound>> parse_version_bounds(std::string_view text);

struct PackagePattern {
  std::string name;  // glob over the binary name, "@scope/name" for npm
  std::string type;  // "deb"; empty: any
  std::vector<VersionBound> bounds;
};
// A version that cannot be compared counts as inside: a deny rule must not be escaped by an odd version.
bool package_matches(const PackagePattern& pattern, const Package& package);
std::string describe_pattern(const PackagePattern& pattern);

}  // namespace scangate
