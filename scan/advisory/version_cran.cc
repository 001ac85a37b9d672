// CRAN: R's documentation of package_version and compareVersion. Numbers between dots or hyphens; of two that are equal
// as far as they go, the longer is the later.
#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

bool is_version(std::string_view text) {
  if (text.empty() || !is_digit(text.back())) return false;
  bool digit = false;
  for (const char c : text) {
    if (!is_digit(c) && !((c == '.' || c == '-') && digit)) return false;
    digit = is_digit(c);
  }
  return true;
}

}  // namespace

std::optional<int> compare_cran(std::string_view a, std::string_view b) {
  if (!is_version(a) || !is_version(b)) return std::nullopt;
  while (!a.empty() && !b.empty()) {
    const auto left = take_digits(a);
    const auto right = take_digits(b);
    if (const int order = compare_digits(left, right); order != 0) return order;
    if (!a.empty()) a.remove_prefix(1);
    if (!b.empty()) b.remove_prefix(1);
  }
  return a.empty() == b.empty() ? 0 : a.empty() ? -1 : 1;
}

}  // namespace scangate::versions
