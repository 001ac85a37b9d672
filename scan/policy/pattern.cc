#include "scan/policy/pattern.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"

namespace scangate {
namespace {

using Op = VersionBound::Op;
// Longer signs first.
constexpr std::array<std::pair<std::string_view, Op>, 7> kOps{{{"<=", Op::less_equal},
                                                               {">=", Op::greater_equal},
                                                               {"!=", Op::not_equal},
                                                               {"==", Op::equal},
                                                               {"<", Op::less},
                                                               {">", Op::greater},
                                                               {"=", Op::equal}}};

VersionScheme scheme_of(const Package& package) {
  if (package.type == "deb") return VersionScheme::dpkg;
  if (package.type == "apk") return VersionScheme::apk;
  if (package.type == "rpm") return VersionScheme::rpm;
  if (package.type == "pypi") return VersionScheme::pep440;
  return VersionScheme::npm;
}

bool holds(const VersionBound& bound, int order) {
  switch (bound.op) {
    case Op::less:
      return order < 0;
    case Op::less_equal:
      return order <= 0;
    case Op::equal:
      return order == 0;
    case Op::not_equal:
      return order != 0;
    case Op::greater_equal:
      return order >= 0;
    case Op::greater:
      return order > 0;
  }
  return true;
}

}  // namespace

// Greedy with one point to return to: at most glob length times text length steps.
bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (g < glob.size() && (glob[g] == '?' || (glob[g] == text[t] && glob[g] != '*'))) {
      ++g;
      ++t;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_text = t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*')
    ++g;
  return g == glob.size();
}

std::optional<std::vector<VersionBound>> parse_version_bounds(std::string_view text) {
  std::vector<VersionBound> bounds;
  for (const auto& part : split(text, ',')) {
    std::string_view rest = trim(part);
    VersionBound bound;
    for (const auto& [sign, op] : kOps) {
      if (!rest.starts_with(sign)) continue;
      bound.op = op;
      rest.remove_prefix(sign.size());
      break;
    }
    bound.version = trim(rest);
    if (bound.version.empty() || bound.version.find(' ') != std::string::npos) return std::nullopt;
    bounds.push_back(std::move(bound));
  }
  return bounds;
}

bool package_matches(const PackagePattern& pattern, const Package& package) {
  if (!pattern.type.empty() && pattern.type != package.type) return false;
  const std::string full =
      package.type == "npm" && !package.name_space.empty() ? package.name_space + "/" + package.name : package.name;
  if (!glob_matches(pattern.name, full)) return false;
  for (const auto& bound : pattern.bounds) {
    const auto order = compare_versions(scheme_of(package), package.version, bound.version);
    if (order && !holds(bound, *order)) return false;
  }
  return true;
}

std::string describe_pattern(const PackagePattern& pattern) {
  std::string text = pattern.type.empty() ? pattern.name : pattern.type + ":" + pattern.name;
  for (std::size_t i = 0; i < pattern.bounds.size(); ++i) {
    std::string_view sign = "=";
    for (const auto& [known, op] : kOps) {
      if (op == pattern.bounds[i].op) sign = known;
    }
    text += fmt::format("{}{} {}", i == 0 ? " " : ", ", sign, pattern.bounds[i].version);
  }
  return text;
}

}  // namespace scangate
