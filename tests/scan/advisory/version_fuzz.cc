// Any two texts: the comparison ends, is antisymmetric, and a version equals itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "scan/advisory/version.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using scangate::VersionScheme;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = text.find('\n');
  const std::string_view a = text.substr(0, line);
  const std::string_view b = line == std::string_view::npos ? a : text.substr(line + 1);
  for (const auto scheme :
       {VersionScheme::dpkg, VersionScheme::apk, VersionScheme::rpm, VersionScheme::pep440, VersionScheme::semver,
        VersionScheme::npm, VersionScheme::go, VersionScheme::gem, VersionScheme::maven, VersionScheme::packagist,
        VersionScheme::nuget, VersionScheme::cran}) {
    const auto forth = scangate::compare_versions(scheme, a, b);
    const auto back = scangate::compare_versions(scheme, b, a);
    if (forth.has_value() != back.has_value()) std::abort();
    if (forth && *forth != -*back) std::abort();
    if (const auto self = scangate::compare_versions(scheme, a, a); self && *self != 0) std::abort();
  }
  return 0;
}
