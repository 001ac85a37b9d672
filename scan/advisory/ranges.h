#pragma once
// Which versions of a package an advisory means. OSV schema, "affected[].ranges", "Evaluation".
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scan/advisory/version.h"

namespace scangate {

struct RangeEvent {
  enum class Kind { introduced, fixed, last_affected, limit };
  Kind kind = Kind::introduced;
  std::string version;  // "0" is before every version
};
using VersionRange = std::vector<RangeEvent>;

struct AffectedVersions {
  std::vector<VersionRange> ranges;   // without those of type GIT
  std::vector<std::string> versions;  // listed one by one; counts beside the ranges
  bool all = false;                   // the record names neither: every version
  bool will_not_fix = false;
};

// The text kept in the database: events sorted by version, listed versions left out where a range covers them. Without
// a scheme everything is kept as it stands.
std::string encode_affected(AffectedVersions affected, std::optional<VersionScheme> scheme);

enum class Affected {
  no,
  yes,
  unclear,  // a bound or the version itself cannot be ordered
};
Affected is_affected(VersionScheme scheme, std::string_view version, std::string_view encoded);

// What is known of the way out of an affected version.
struct FixFacts {
  std::vector<std::string> fixed_above;      // fixed versions above the installed one, ascending, unique
  std::optional<std::string> last_affected;  // highest bound above or at the installed one, when there is one
  bool will_not_fix = false;
};
// At most this many candidates are kept: the lowest is what people want, and a hostile list must not cost more.
inline constexpr std::size_t kMaxFixedVersions = 32;
FixFacts fix_facts(VersionScheme scheme, std::string_view version, std::string_view encoded);
void sort_versions(VersionScheme scheme, std::vector<std::string>& versions);

}  // namespace scangate
