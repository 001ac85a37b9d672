// SemVer 2.0.0, sections 9 to 11. Advisories also say "1.2" and "4" for a bound; missing parts count as 0, which is how
// OSV's own evaluation reads them.
#include <array>

#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

struct SemVer {
  std::array<std::string_view, 3> numbers{"0", "0", "0"};
  std::string_view prerelease;
};

bool is_identifier_char(char c) {
  return is_digit(c) || is_letter(c) || c == '-';
}

// Dot-separated identifiers; none may be empty, and in a pre-release a numeric one has no leading zero.
enum class LeadingZero { refused, allowed };
bool are_identifiers(std::string_view text, LeadingZero zero) {
  while (true) {
    const auto dot = text.find('.');
    const std::string_view one = text.substr(0, dot);
    if (one.empty()) return false;
    bool numeric = true;
    for (const char c : one) {
      if (!is_identifier_char(c)) return false;
      numeric = numeric && is_digit(c);
    }
    if (zero == LeadingZero::refused && numeric && one.size() > 1 && one.front() == '0') return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

std::optional<SemVer> parse(std::string_view text) {
  SemVer version;
  if (const auto plus = text.find('+'); plus != std::string_view::npos) {
    if (!are_identifiers(text.substr(plus + 1), LeadingZero::allowed)) return std::nullopt;
    text = text.substr(0, plus);
  }
  for (std::size_t i = 0; i < version.numbers.size(); ++i) {
    const std::string_view digits = take_digits(text);
    if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
    version.numbers[i] = digits;
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
    if (i == 2) return std::nullopt;
  }
  if (text.starts_with('-')) {
    version.prerelease = text.substr(1);
    if (!are_identifiers(version.prerelease, LeadingZero::refused)) return std::nullopt;
    text = {};
  }
  if (!text.empty()) return std::nullopt;
  return version;
}

bool is_numeric(std::string_view text) {
  for (const char c : text) {
    if (!is_digit(c)) return false;
  }
  return true;
}

std::string_view without_v(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  if (text.starts_with('=')) text.remove_prefix(1);
  if (text.starts_with('v')) text.remove_prefix(1);
  return text;
}

}  // namespace

int compare_prerelease(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.empty() == b.empty() ? 0 : a.empty() ? 1 : -1;
  while (true) {
    const auto dot_a = a.find('.');
    const auto dot_b = b.find('.');
    const std::string_view one = a.substr(0, dot_a);
    const std::string_view two = b.substr(0, dot_b);
    const bool number_one = is_numeric(one);
    const bool number_two = is_numeric(two);
    if (number_one != number_two) return number_one ? -1 : 1;
    const int order = number_one ? compare_digits(one, two) : sign(one.compare(two));
    if (order != 0) return order;
    if (dot_a == std::string_view::npos || dot_b == std::string_view::npos)
      return dot_a == dot_b ? 0 : dot_a == std::string_view::npos ? -1 : 1;
    a.remove_prefix(dot_a + 1);
    b.remove_prefix(dot_b + 1);
  }
}

std::optional<int> compare_semver(std::string_view a, std::string_view b) {
  const auto left = parse(a);
  const auto right = parse(b);
  if (!left || !right) return std::nullopt;
  for (std::size_t i = 0; i < left->numbers.size(); ++i) {
    if (const int order = compare_digits(left->numbers[i], right->numbers[i]); order != 0) return order;
  }
  return compare_prerelease(left->prerelease, right->prerelease);
}

std::optional<int> compare_npm(std::string_view a, std::string_view b) {
  return compare_semver(without_v(a), without_v(b));
}

}  // namespace scangate::versions
