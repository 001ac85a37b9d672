#pragma once
// What a scan found, before any policy looked at it.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "scan/model/image.h"
#include "scan/model/package.h"

namespace scangate {

enum class Severity { unknown, negligible, low, medium, high, critical };
std::string_view severity_name(Severity severity);              // "unknown" ... "critical"
std::optional<Severity> parse_severity(std::string_view name);  // any case; "moderate" is medium, "important" is high
// CVSS v3.1 specification, section 5: none/low/medium/high/critical by score; 0.0 is negligible.
Severity severity_of_cvss(double score);
// Base score of a CVSS 2.0, 3.0, 3.1 or 4.0 vector; nullopt when it is malformed. FIRST specifications, "Base metrics"
// equations.
std::optional<double> cvss_base_score(std::string_view vector);

enum class FindingKind { vulnerability, config, package, file, data };
std::string_view finding_kind_name(FindingKind kind);

enum class FixState { unknown, fixed, not_fixed, will_not_fix };

struct Cvss {
  std::string vector;  // "CVSS:3.1/AV:N/..."
  double score = 0;
};

struct Finding {
  FindingKind kind = FindingKind::vulnerability;
  // The advisory's best-known id ("CVE-2023-30861") or the rule id of an image check ("exposed-port").
  std::string id;
  std::vector<std::string> aliases;  // other ids of the same flaw, sorted
  Severity severity = Severity::unknown;
  std::string severity_source;  // "GHSA", "CVSS", "rule"; empty when unknown
  std::vector<Cvss> cvss;
  std::string title;  // one line, at most 200 bytes, printable
  std::string description;
  std::string detail;                       // what distinguishes two findings of one rule: "22/tcp", "ENV API_TOKEN"
  std::string remedy;                       // "upgrade flask to 2.2.5"
  std::optional<Package> package;           // vulnerability and package findings
  std::vector<std::string> fixed_versions;  // best first: the lowest fixed version above the installed one
  FixState fix = FixState::unknown;
  std::optional<std::size_t> layer;     // index into ImageFacts::layers
  std::optional<SourcePlace> place;     // Dockerfile line, when known
  bool in_base = false;                 // comes from the base image
  std::vector<std::string> references;  // URLs
  std::vector<std::string> sources;     // who reported it: "native", "trivy"
  std::optional<TimePoint> published;
};

// Stable over rescans and new tags: what JUnit and Code Quality use to tell new from known. Not the version, digest,
// line or tag.
std::string finding_key(const Finding& finding);

}  // namespace scangate
