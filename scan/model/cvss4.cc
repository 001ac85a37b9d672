// CVSS 4.0 base score. first.org/cvss/v4.0/specification-document, section 8: a vector falls into a MacroVector (one
// level for each of six sets of metrics, EQ1 to EQ6), whose score was set by experts, and is moved down from there by
// its distance to the worst vector of the same MacroVector.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "scan/model/cvss_vector.h"

namespace scangate {
namespace {

constexpr std::array kMetrics4 = {
    CvssMetric{"AV", "NALP"}, CvssMetric{"AC", "LH"},  CvssMetric{"AT", "NP"},  CvssMetric{"PR", "NLH"},
    CvssMetric{"UI", "NPA"},  CvssMetric{"VC", "HLN"}, CvssMetric{"VI", "HLN"}, CvssMetric{"VA", "HLN"},
    CvssMetric{"SC", "HLN"},  CvssMetric{"SI", "HLN"}, CvssMetric{"SA", "HLN"}, CvssMetric{"E", ""},
    CvssMetric{"CR", ""},     CvssMetric{"IR", ""},    CvssMetric{"AR", ""},    CvssMetric{"MAV", ""},
    CvssMetric{"MAC", ""},    CvssMetric{"MAT", ""},   CvssMetric{"MPR", ""},   CvssMetric{"MUI", ""},
    CvssMetric{"MVC", ""},    CvssMetric{"MVI", ""},   CvssMetric{"MVA", ""},   CvssMetric{"MSC", ""},
    CvssMetric{"MSI", ""},    CvssMetric{"MSA", ""},   CvssMetric{"S", ""},     CvssMetric{"AU", ""},
    CvssMetric{"R", ""},      CvssMetric{"V", ""},     CvssMetric{"RE", ""},    CvssMetric{"U", ""},
};

// Without threat and environmental metrics the specification takes E as A and CR, IR, AR as H. Then EQ5 is always 0,
// EQ4 never 0 (that needs Safety, an environmental value), and EQ6 follows from EQ3, so this part of its table of 270
// MacroVectors is all that base scores reach.
// [EQ1][EQ2][EQ3 and EQ6: 00, 01, 10, 11, 21][EQ4: 1, 2], each times 10.
using Scores = std::array<std::array<std::array<std::array<int, 2>, 5>, 2>, 3>;
constexpr Scores kScores = {{
    {{{{{100, 93}, {96, 90}, {93, 88}, {92, 80}, {79, 69}}},  //
      {{{95, 92}, {91, 81}, {92, 84}, {82, 70}, {71, 63}}}}},
    {{{{{94, 87}, {89, 75}, {86, 72}, {76, 57}, {65, 53}}},  //
      {{{90, 77}, {77, 66}, {74, 61}, {59, 52}, {58, 23}}}}},
    {{{{{86, 70}, {74, 54}, {72, 53}, {57, 36}, {47, 24}}},  //
      {{{73, 54}, {55, 43}, {61, 46}, {51, 18}, {24, 10}}}}},
}};
enum Impact : std::size_t { k00, k01, k10, k11, k21 };

// How many steps `letter` is below the worst value, which stands first. For SI and SA the
// specification puts Safety before H; base vectors cannot have it, and only differences count.
int steps(char letter, std::string_view worst_first) {
  return static_cast<int>(worst_first.find(letter));
}

// Steps from the first of the worst vectors (in the specification's order) that is nowhere better than `levels`.
template <std::size_t N>
int distance(const std::array<int, N>& levels, std::span<const std::array<int, N>> worst) {
  for (const auto& candidate : worst) {
    int sum = 0;
    bool below = true;
    for (std::size_t i = 0; i < N; ++i) {
      sum += levels[i] - candidate[i];
      below = below && levels[i] >= candidate[i];
    }
    if (below) return sum;
  }
  return 0;
}

// What one set of metrics contributes: the fall to the next lower MacroVector, by the share of the way down.
struct Descent {
  int fall = 0;   // score here less score there, times 10
  int steps = 0;  // from the worst vector
  int depth = 1;  // steps that this level has in all, specification section 8.2, table 30 ("depth" of each level)
};

}  // namespace

std::optional<double> cvss4_base_score(std::string_view text) {
  const auto vector = parse_cvss_vector(text, kMetrics4);
  if (!vector) return std::nullopt;
  const auto& v = *vector;
  const auto is = [&v](std::string_view name, char letter) { return v.at(name) == letter; };

  const std::array<int, 3> impact = {steps(v.at("VC"), "HLN"), steps(v.at("VI"), "HLN"), steps(v.at("VA"), "HLN")};
  const std::array<int, 3> after = {steps(v.at("SC"), "HLN"), steps(v.at("SI"), "HLN"), steps(v.at("SA"), "HLN")};
  if (std::ranges::all_of(impact, [](int level) { return level == 2; }) &&
      std::ranges::all_of(after, [](int level) { return level == 2; }))
    return 0.0;

  // Section 8.1, tables 24 to 29.
  std::size_t eq1 = 1;
  if (is("AV", 'N') && is("PR", 'N') && is("UI", 'N'))
    eq1 = 0;
  else if (is("AV", 'P') || !(is("AV", 'N') || is("PR", 'N') || is("UI", 'N')))
    eq1 = 2;
  const std::size_t eq2 = is("AC", 'L') && is("AT", 'N') ? 0 : 1;
  Impact eq36 = k21;
  if (is("VC", 'H') && is("VI", 'H'))
    eq36 = k00;
  else if (is("VC", 'H') || is("VI", 'H') || is("VA", 'H'))
    eq36 = k10;
  const std::size_t eq4 = is("SC", 'H') || is("SI", 'H') || is("SA", 'H') ? 0 : 1;  // column, not level

  const auto score_of = [](std::size_t one, std::size_t two, std::size_t impact_level, std::size_t four) {
    return kScores.at(one).at(two).at(impact_level).at(four);
  };
  const int score = score_of(eq1, eq2, eq36, eq4);

  std::array<Descent, 4> descents{};
  std::size_t count = 1;  // EQ5 always has a lower level and stands at its worst vector: it counts and adds nothing
  if (eq1 < 2) {
    static constexpr std::array<std::array<int, 3>, 1> kWorst0 = {{{0, 0, 0}}};
    static constexpr std::array<std::array<int, 3>, 3> kWorst1 = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    const std::array<int, 3> levels = {steps(v.at("AV"), "NALP"), steps(v.at("PR"), "NLH"), steps(v.at("UI"), "NPA")};
    const int below = eq1 == 0 ? distance<3>(levels, kWorst0) : distance<3>(levels, kWorst1);
    descents[0] = {.fall = score - score_of(eq1 + 1, eq2, eq36, eq4), .steps = below, .depth = eq1 == 0 ? 1 : 4};
    ++count;
  }
  if (eq2 == 0) {
    descents[1] = {.fall = score - score_of(eq1, 1, eq36, eq4), .steps = 0, .depth = 1};
    ++count;
  }
  if (eq36 != k21) {
    static constexpr std::array<std::array<int, 3>, 1> kWorst00 = {{{0, 0, 0}}};
    static constexpr std::array<std::array<int, 3>, 2> kWorst10 = {{{1, 0, 0}, {0, 1, 0}}};
    const int below = eq36 == k00 ? distance<3>(impact, kWorst00) : distance<3>(impact, kWorst10);
    // From 00 two ways lead down; the higher score counts.
    const int lower = eq36 == k00 ? std::max(score_of(eq1, eq2, k01, eq4), score_of(eq1, eq2, k10, eq4))
                                  : score_of(eq1, eq2, k11, eq4);
    descents[2] = {.fall = score - lower, .steps = below, .depth = eq36 == k00 ? 7 : 8};
    ++count;
  }
  if (eq4 == 0) {
    static constexpr std::array<std::array<int, 3>, 1> kWorst1 = {{{0, 0, 0}}};
    descents[3] = {.fall = score - score_of(eq1, eq2, eq36, 1), .steps = distance<3>(after, kWorst1), .depth = 5};
    ++count;
  }

  double sum = 0;
  for (const Descent& descent : descents)
    sum += static_cast<double>(descent.fall) * descent.steps / descent.depth;
  const double exact = score - sum / static_cast<double>(count);
  // Rounded half up; the small part keeps a tie that binary fractions put just below it on its side.
  return std::clamp(std::floor(exact + 0.5 + 1e-6) / 10.0, 0.0, 10.0);
}

}  // namespace scangate
