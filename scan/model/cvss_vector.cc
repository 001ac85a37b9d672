#include "scan/model/cvss_vector.h"

#include <algorithm>
#include <set>

namespace scangate {

std::optional<CvssVector> parse_cvss_vector(std::string_view text, std::span<const CvssMetric> metrics) {
  CvssVector base;
  std::set<std::string_view> seen;  // bounded by `metrics`: an unknown or repeated name ends the loop
  while (true) {
    const std::size_t slash = text.find('/');
    const std::string_view metric = text.substr(0, slash);
    const std::size_t colon = metric.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view name = metric.substr(0, colon);
    const std::string_view value = metric.substr(colon + 1);
    const auto known = std::ranges::find(metrics, name, &CvssMetric::name);
    if (known == metrics.end() || value.empty() || !seen.insert(known->name).second) return std::nullopt;
    if (!known->values.empty()) {
      if (value.size() != 1 || known->values.find(value[0]) == std::string_view::npos) return std::nullopt;
      base[known->name] = value[0];
    }
    if (slash == std::string_view::npos) break;
    text.remove_prefix(slash + 1);
  }
  for (const CvssMetric& metric : metrics)
    if (!metric.values.empty() && !base.contains(metric.name)) return std::nullopt;
  return base;
}

}  // namespace scangate
