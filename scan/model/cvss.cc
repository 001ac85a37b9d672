// Base scores of CVSS 2.0 (first.org/cvss/v2/guide, section 3.2.1), 3.0 (first.org/cvss/v3.0/specification-document,
// section 8.1) and 3.1 (first.org/cvss/v3.1/specification-document, section 7.1).
#include <algorithm>
#include <array>
#include <cmath>

#include "scan/model/cvss_vector.h"
#include "scan/model/finding.h"

namespace scangate {
namespace {

constexpr std::array kMetrics2 = {
    CvssMetric{"AV", "LAN"}, CvssMetric{"AC", "HML"}, CvssMetric{"Au", "MSN"}, CvssMetric{"C", "NPC"},
    CvssMetric{"I", "NPC"},  CvssMetric{"A", "NPC"},  CvssMetric{"E", ""},     CvssMetric{"RL", ""},
    CvssMetric{"RC", ""},    CvssMetric{"CDP", ""},   CvssMetric{"TD", ""},    CvssMetric{"CR", ""},
    CvssMetric{"IR", ""},    CvssMetric{"AR", ""},
};

constexpr std::array kMetrics3 = {
    CvssMetric{"AV", "NALP"}, CvssMetric{"AC", "LH"}, CvssMetric{"PR", "NLH"}, CvssMetric{"UI", "NR"},
    CvssMetric{"S", "UC"},    CvssMetric{"C", "HLN"}, CvssMetric{"I", "HLN"},  CvssMetric{"A", "HLN"},
    CvssMetric{"E", ""},      CvssMetric{"RL", ""},   CvssMetric{"RC", ""},    CvssMetric{"CR", ""},
    CvssMetric{"IR", ""},     CvssMetric{"AR", ""},   CvssMetric{"MAV", ""},   CvssMetric{"MAC", ""},
    CvssMetric{"MPR", ""},    CvssMetric{"MUI", ""},  CvssMetric{"MS", ""},    CvssMetric{"MC", ""},
    CvssMetric{"MI", ""},     CvssMetric{"MA", ""},
};

// The weight at the position of `letter` in `letters`.
double weight(char letter, std::string_view letters, std::array<double, 4> weights) {
  return weights[letters.find(letter)];
}

std::optional<double> base_score_2(std::string_view text) {
  const auto vector = parse_cvss_vector(text, kMetrics2);
  if (!vector) return std::nullopt;
  const auto& v = *vector;
  const auto impact_of = [](char letter) { return weight(letter, "NPC", {0.0, 0.275, 0.660}); };
  const double impact =
      10.41 * (1.0 - (1.0 - impact_of(v.at("C"))) * (1.0 - impact_of(v.at("I"))) * (1.0 - impact_of(v.at("A"))));
  const double exploitability = 20.0 * weight(v.at("AV"), "LAN", {0.395, 0.646, 1.0}) *
                                weight(v.at("AC"), "HML", {0.35, 0.61, 0.71}) *
                                weight(v.at("Au"), "MSN", {0.45, 0.56, 0.704});
  const double score = (0.6 * impact + 0.4 * exploitability - 1.5) * (impact == 0.0 ? 0.0 : 1.176);
  // "round to 1 decimal"; the small part keeps a tie that binary fractions put just below it on its side.
  return std::clamp(std::floor(score * 10.0 + 0.5 + 1e-9) / 10.0, 0.0, 10.0);
}

// v3.1 appendix A, "Roundup": the smallest number with one decimal that is equal or higher, computed on integers. 3.0
// says "round up" without an algorithm; both agree except where its authors' floating point erred.
double round_up(double value) {
  const auto scaled = static_cast<long>(std::lround(value * 100000.0));
  if (scaled % 10000 == 0) return static_cast<double>(scaled) / 100000.0;
  return (static_cast<double>(scaled / 10000) + 1.0) / 10.0;
}

std::optional<double> base_score_3(std::string_view text) {
  const auto vector = parse_cvss_vector(text, kMetrics3);
  if (!vector) return std::nullopt;
  const auto& v = *vector;
  const bool changed = v.at("S") == 'C';
  const auto impact_of = [](char letter) { return weight(letter, "HLN", {0.56, 0.22, 0.0}); };
  const double sub_score =
      1.0 - (1.0 - impact_of(v.at("C"))) * (1.0 - impact_of(v.at("I"))) * (1.0 - impact_of(v.at("A")));
  const double impact = changed ? 7.52 * (sub_score - 0.029) - 3.25 * std::pow(sub_score - 0.02, 15) : 6.42 * sub_score;
  if (impact <= 0.0) return 0.0;
  const double privileges =
      changed ? weight(v.at("PR"), "NLH", {0.85, 0.68, 0.5}) : weight(v.at("PR"), "NLH", {0.85, 0.62, 0.27});
  const double exploitability = 8.22 * weight(v.at("AV"), "NALP", {0.85, 0.62, 0.55, 0.2}) *
                                weight(v.at("AC"), "LH", {0.77, 0.44}) * privileges *
                                weight(v.at("UI"), "NR", {0.85, 0.62});
  const double sum = changed ? 1.08 * (impact + exploitability) : impact + exploitability;
  return round_up(std::min(sum, 10.0));
}

}  // namespace

std::optional<double> cvss_base_score(std::string_view vector) {
  const auto take = [&vector](std::string_view prefix) {
    if (!vector.starts_with(prefix)) return false;
    vector.remove_prefix(prefix.size());
    return true;
  };
  if (take("CVSS:4.0/")) return cvss4_base_score(vector);
  if (take("CVSS:3.1/") || take("CVSS:3.0/")) return base_score_3(vector);
  // NVD writes 2.0 vectors bare, some feeds in brackets or with a prefix.
  if (take("CVSS:2.0/")) return base_score_2(vector);
  if (vector.starts_with('(') && vector.ends_with(')')) vector = vector.substr(1, vector.size() - 2);
  return base_score_2(vector);
}

}  // namespace scangate
