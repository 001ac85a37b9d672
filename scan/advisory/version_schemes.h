#pragma once
// One function a version scheme; version.cc picks. Each gives <0, 0, >0, or nullopt when either text is no version.
#include <optional>
#include <string_view>

namespace scangate::versions {

std::optional<int> compare_dpkg(std::string_view a, std::string_view b);
std::optional<int> compare_apk(std::string_view a, std::string_view b);
std::optional<int> compare_rpm(std::string_view a, std::string_view b);
std::optional<int> compare_pep440(std::string_view a, std::string_view b);
std::optional<int> compare_semver(std::string_view a, std::string_view b);
std::optional<int> compare_npm(std::string_view a, std::string_view b);
std::optional<int> compare_go(std::string_view a, std::string_view b);
std::optional<int> compare_gem(std::string_view a, std::string_view b);
std::optional<int> compare_maven(std::string_view a, std::string_view b);
std::optional<int> compare_packagist(std::string_view a, std::string_view b);
std::optional<int> compare_nuget(std::string_view a, std::string_view b);
std::optional<int> compare_cran(std::string_view a, std::string_view b);

// SemVer 2.0.0 section 11.4: none is after any; numbers before words.
int compare_prerelease(std::string_view a, std::string_view b);

// ASCII only: <cctype> would depend on the locale.
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_letter(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}

// Digits at the front of `text`, removed from it.
inline std::string_view take_digits(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n]))
    ++n;
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

inline int sign(int value) {
  return value < 0 ? -1 : value > 0 ? 1 : 0;
}

// Digits as a number of any length: a date-and-time component has 14 digits, and a hostile one more than 64 bits hold.
inline int compare_digits(std::string_view a, std::string_view b) {
  while (!a.empty() && a.front() == '0')
    a.remove_prefix(1);
  while (!b.empty() && b.front() == '0')
    b.remove_prefix(1);
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return sign(a.compare(b));
}

}  // namespace scangate::versions
