// NuGet: learn.microsoft.com, "NuGet Package Versioning". SemVer 2.0.0 with one to four numbers, leading zeros allowed,
// letters without case; what follows "+" counts for nothing.
#include <array>
#include <string>

#include "base/text.h"
#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

struct Version {
  std::array<std::string, 4> numbers{"0", "0", "0", "0"};
  std::string prerelease;
};

std::optional<Version> parse(std::string_view text) {
  Version out;
  text = text.substr(0, text.find('+'));
  for (std::size_t i = 0; i < out.numbers.size(); ++i) {
    const std::string_view digits = take_digits(text);
    if (digits.empty()) return std::nullopt;
    out.numbers[i] = digits;
    if (!text.starts_with('.')) break;
    if (i + 1 == out.numbers.size()) return std::nullopt;
    text.remove_prefix(1);
  }
  if (text.starts_with('-')) {
    out.prerelease = to_lower(text.substr(1));
    for (const auto& part : split(out.prerelease, '.')) {
      if (part.empty()) return std::nullopt;
      for (const char c : part)
        if (!is_digit(c) && !is_letter(c) && c != '-') return std::nullopt;
    }
    text = {};
  }
  if (!text.empty()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<int> compare_nuget(std::string_view a, std::string_view b) {
  const auto left = parse(a);
  const auto right = parse(b);
  if (!left || !right) return std::nullopt;
  for (std::size_t i = 0; i < left->numbers.size(); ++i)
    if (const int order = compare_digits(left->numbers[i], right->numbers[i]); order != 0) return order;
  return compare_prerelease(left->prerelease, right->prerelease);
}

}  // namespace scangate::versions
