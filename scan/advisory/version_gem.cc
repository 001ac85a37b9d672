// RubyGems: Gem::Version's documentation. Segments of digits or letters; a letter makes a pre-release, a hyphen is
// ".pre."; zeros at the end of the numbers, and of the whole, count for nothing.
#include <algorithm>
#include <string>
#include <vector>

#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

constexpr std::size_t kMaxSegments = 200;

struct Segment {
  std::string text;
  bool number = false;
};

bool is_zero(const Segment& segment) {
  return segment.number && segment.text.find_first_not_of('0') == std::string::npos;
}

std::optional<std::vector<Segment>> parse(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  std::string whole;
  for (const char c : text) {
    if (!is_digit(c) && !is_letter(c) && c != '.' && c != '-') return std::nullopt;
    if (c == '-')
      whole += ".pre.";
    else
      whole += c;
  }
  if (!text.empty() && !is_digit(text.front())) return std::nullopt;
  if (text.ends_with('.') || text.find("..") != std::string_view::npos || text.ends_with('-')) return std::nullopt;
  std::vector<Segment> out;
  for (std::size_t i = 0; i < whole.size();) {
    if (whole[i] == '.') {
      ++i;
      continue;
    }
    const bool number = is_digit(whole[i]);
    const std::size_t begin = i;
    while (i < whole.size() && whole[i] != '.' && is_digit(whole[i]) == number)
      ++i;
    out.push_back({whole.substr(begin, i - begin), number});
    if (out.size() > kMaxSegments) return std::nullopt;
  }
  const auto letters = std::find_if(out.begin(), out.end(), [](const Segment& segment) { return !segment.number; });
  std::vector<Segment> release(out.begin(), letters);
  std::vector<Segment> rest(letters, out.end());
  for (auto* part : {&release, &rest})
    while (!part->empty() && is_zero(part->back()))
      part->pop_back();
  release.insert(release.end(), rest.begin(), rest.end());
  return release;
}

}  // namespace

std::optional<int> compare_gem(std::string_view a, std::string_view b) {
  const auto left = parse(a);
  const auto right = parse(b);
  if (!left || !right) return std::nullopt;
  static const Segment kZero{"0", true};
  for (std::size_t i = 0; i < std::max(left->size(), right->size()); ++i) {
    const Segment& one = i < left->size() ? (*left)[i] : kZero;
    const Segment& two = i < right->size() ? (*right)[i] : kZero;
    if (one.number != two.number) return one.number ? 1 : -1;
    const int order = one.number ? compare_digits(one.text, two.text) : sign(one.text.compare(two.text));
    if (order != 0) return order;
  }
  return 0;
}

}  // namespace scangate::versions
