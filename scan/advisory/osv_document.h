#pragma once
// One OSV document as values. https://ossf.github.io/osv-schema/, version 1.7.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "scan/advisory/ranges.h"

namespace scangate {

// What one document may hold. The largest real ones are kernel records of a few MB with some thousand entries; each cap
// leaves room and keeps a hostile document from costing more than a large honest one.
inline constexpr std::size_t kMaxOsvBytes = 64U << 20U;
inline constexpr std::size_t kMaxOsvIds = 5'000;  // aliases, upstream, related: Ubuntu notices name hundreds
inline constexpr std::size_t kMaxOsvAffected = 50'000;
inline constexpr std::size_t kMaxOsvEvents = 10'000;     // a range
inline constexpr std::size_t kMaxOsvVersions = 200'000;  // an affected entry
inline constexpr std::size_t kMaxOsvNameBytes = 512;     // ids, package names, versions

struct OsvSeverity {
  std::string type;   // "CVSS_V3", "Ubuntu"
  std::string score;  // a vector, or a word
};

struct OsvAffected {
  std::string ecosystem;
  std::string package;
  AffectedVersions versions;
  bool git_only = false;  // only commits are named: says nothing about versions
  std::vector<OsvSeverity> severities;
  std::string urgency;  // ecosystem_specific.urgency, Debian's
};

struct OsvDocument {
  std::string id;
  std::optional<TimePoint> modified;
  std::optional<TimePoint> published;
  bool withdrawn = false;
  std::vector<std::string> aliases;
  std::vector<std::string> upstream;
  std::vector<std::string> related;
  std::vector<OsvSeverity> severities;
  std::string severity_word;  // database_specific.severity
  std::string summary;
  std::string details;
  std::vector<std::string> references;  // advisories first, at most kMaxOsvReferences
  std::vector<OsvAffected> affected;
};
inline constexpr std::size_t kMaxOsvReferences = 5;

// Keeps its buffers between documents. One thread at a time.
class OsvParser {
 public:
  OsvParser();
  OsvParser(OsvParser&&) noexcept;
  ~OsvParser();
  // nullopt: JSON, but no OSV document (no "id" or no "modified"). Errors: Fault::user, "PLACE: cause", for text that
  // is no JSON, wrong types, or more than the caps.
  Result<std::optional<OsvDocument>> parse(std::string_view text, std::string_view place);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace scangate
