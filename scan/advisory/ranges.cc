#include "scan/advisory/ranges.h"

#include <algorithm>

namespace scangate {
namespace {

// Comparing every listed version with every bound: the largest record seen (1,132 versions) needs some 5,000. Beyond
// this the list is kept as it is.
constexpr std::size_t kMaxPruneComparisons = 2'000'000;

// One line an item: "R" starts a range whose events are in order, "U" one whose events could not be ordered; then "i",
// "f", "l", "m" with a version; "v" a listed version; "A" every version; "W" will not be fixed.
char event_mark(RangeEvent::Kind kind) {
  switch (kind) {
    case RangeEvent::Kind::introduced:
      return 'i';
    case RangeEvent::Kind::fixed:
      return 'f';
    case RangeEvent::Kind::last_affected:
      return 'l';
    case RangeEvent::Kind::limit:
      return 'm';
  }
  return '?';
}

// "0" stands before every version, also before "0~1" of dpkg. OSV schema, "introduced".
std::optional<int> compare_to_bound(VersionScheme scheme, std::string_view version, std::string_view bound) {
  if (bound == "0") return 1;
  return compare_versions(scheme, version, bound);
}

bool can_be_ordered(VersionScheme scheme, const VersionRange& range) {
  return std::all_of(range.begin(), range.end(), [&](const RangeEvent& event) {
    return event.version == "0" || compare_versions(scheme, event.version, event.version).has_value();
  });
}

// Stable: "introduced 0, fixed 0" says not affected, "fixed 2, introduced 2" says affected at 2.
void sort_events(VersionScheme scheme, VersionRange& range) {
  std::stable_sort(range.begin(), range.end(), [&](const RangeEvent& a, const RangeEvent& b) {
    if (a.version == "0" || b.version == "0") return a.version == "0" && b.version != "0";
    return compare_versions(scheme, a.version, b.version).value_or(0) < 0;
  });
}

// The lines of an encoded text.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool next() {
    if (rest_.empty()) return false;
    const auto end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return true;
  }
  char mark() const { return line_.empty() ? '\0' : line_.front(); }
  std::string_view value() const { return line_.empty() ? line_ : line_.substr(1); }

 private:
  std::string_view rest_;
  std::string_view line_;
};

// Walks one range's events; OSV schema, "Evaluation".
struct RangeState {
  bool ordered = true;
  bool vulnerable = false;
  bool has_limit = false;
  bool below_limit = false;
  bool inside() const { return vulnerable && (!has_limit || below_limit); }
};

}  // namespace

std::string encode_affected(AffectedVersions affected, std::optional<VersionScheme> scheme) {
  std::string text;
  if (affected.all) text += "A\n";
  if (affected.will_not_fix) text += "W\n";
  for (auto& range : affected.ranges) {
    const bool ordered = scheme && can_be_ordered(*scheme, range);
    if (ordered) sort_events(*scheme, range);
    text += ordered ? "R\n" : "U\n";
    for (const auto& event : range) {
      text += event_mark(event.kind);
      text += event.version;
      text += '\n';
    }
  }
  const std::string ranges = text;
  std::size_t events = 0;
  for (const auto& range : affected.ranges)
    events += range.size();
  const bool prune = scheme && affected.versions.size() * (events + 1) <= kMaxPruneComparisons;
  for (const auto& version : affected.versions) {
    // Some feeds list every release beside the range that says the same: a megabyte for a kernel.
    if (prune && is_affected(*scheme, version, ranges) == Affected::yes) continue;
    text += 'v';
    text += version;
    text += '\n';
  }
  return text;
}

Affected is_affected(VersionScheme scheme, std::string_view version, std::string_view encoded) {
  bool unclear = false;
  RangeState range;
  Lines lines(encoded);
  while (lines.next()) {
    const std::string_view value = lines.value();
    switch (lines.mark()) {
      case 'A':
        return Affected::yes;
      case 'R':
      case 'U':
        if (range.inside()) return Affected::yes;
        range = RangeState{};
        range.ordered = lines.mark() == 'R';
        unclear = unclear || !range.ordered;
        break;
      case 'i':
      case 'f':
      case 'l':
      case 'm': {
        if (!range.ordered) break;
        const auto order = compare_to_bound(scheme, version, value);
        if (!order) {
          unclear = true;
          range = RangeState{.ordered = false};
          break;
        }
        if (lines.mark() == 'i' && *order >= 0) range.vulnerable = true;
        if (lines.mark() == 'f' && *order >= 0) range.vulnerable = false;
        if (lines.mark() == 'l' && *order > 0) range.vulnerable = false;
        if (lines.mark() == 'm') {
          range.has_limit = true;
          range.below_limit = range.below_limit || *order < 0;
        }
        break;
      }
      case 'v':
        if (value == version || compare_versions(scheme, version, value) == 0) return Affected::yes;
        break;
      default:
        break;
    }
  }
  if (range.inside()) return Affected::yes;
  return unclear ? Affected::unclear : Affected::no;
}

FixFacts fix_facts(VersionScheme scheme, std::string_view version, std::string_view encoded) {
  FixFacts facts;
  Lines lines(encoded);
  while (lines.next()) {
    const std::string_view value = lines.value();
    if (lines.mark() == 'W') facts.will_not_fix = true;
    if (lines.mark() == 'f' && value != "0" && compare_versions(scheme, version, value).value_or(0) < 0)
      facts.fixed_above.emplace_back(value);
    if (lines.mark() == 'l' && compare_versions(scheme, version, value).value_or(1) <= 0 &&
        (!facts.last_affected || compare_versions(scheme, *facts.last_affected, value).value_or(0) < 0))
      facts.last_affected = std::string(value);
  }
  sort_versions(scheme, facts.fixed_above);
  if (facts.fixed_above.size() > kMaxFixedVersions) facts.fixed_above.resize(kMaxFixedVersions);
  return facts;
}

void sort_versions(VersionScheme scheme, std::vector<std::string>& versions) {
  std::stable_sort(versions.begin(), versions.end(), [&](const std::string& a, const std::string& b) {
    return compare_versions(scheme, a, b).value_or(0) < 0;
  });
  versions.erase(std::unique(versions.begin(), versions.end(),
                             [&](const std::string& a, const std::string& b) {
                               return a == b || compare_versions(scheme, a, b) == 0;
                             }),
                 versions.end());
}

}  // namespace scangate
