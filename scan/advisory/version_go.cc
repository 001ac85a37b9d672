// Go: go.dev/ref/mod, "Versions" and "Pseudo-versions" (SemVer 2.0.0 with a "v"), and the toolchain's own names
// (go.dev/doc/toolchain: "go1.21rc2" is before "go1.21.0").
#include <string>

#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

// "1.21rc2" as SemVer: "1.21.0-rc.2"; anything else as it is.
std::string as_semver(std::string_view text) {
  if (text.starts_with("go")) text.remove_prefix(2);
  if (text.starts_with('v')) text.remove_prefix(1);
  std::string_view rest = text;
  const std::string_view major = take_digits(rest);
  if (!major.empty() && rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::string_view minor = take_digits(rest);
    for (const std::string_view word : {"rc", "beta"}) {
      if (minor.empty() || !rest.starts_with(word)) continue;
      std::string_view number = rest.substr(word.size());
      const std::string_view digits = take_digits(number);
      if (!digits.empty() && number.empty())
        return std::string(major) + "." + std::string(minor) + ".0-" + std::string(word) + "." + std::string(digits);
    }
  }
  return std::string(text);
}

}  // namespace

std::optional<int> compare_go(std::string_view a, std::string_view b) {
  return compare_semver(as_semver(a), as_semver(b));
}

}  // namespace scangate::versions
