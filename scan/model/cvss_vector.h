#pragma once
// The text form that all CVSS versions share: metrics "AV:N" joined by slashes.
#include <map>
#include <optional>
#include <span>
#include <string_view>

namespace scangate {

// One metric of a CVSS version. Every value of a base metric is one letter.
struct CvssMetric {
  std::string_view name;
  std::string_view values;  // the letters a base metric may have; empty for optional (threat, environmental) metrics
};

using CvssVector = std::map<std::string_view, char>;  // base metrics only

// Base metrics by name; nullopt when one is missing, given twice, unknown, or has a value that it cannot have. Optional
// metrics must be known but play no part in a base score. The views point into `text` and `metrics`.
std::optional<CvssVector> parse_cvss_vector(std::string_view text, std::span<const CvssMetric> metrics);

// CVSS 4.0 base score (CVSS-B) of the metrics after "CVSS:4.0/".
std::optional<double> cvss4_base_score(std::string_view metrics);

}  // namespace scangate
