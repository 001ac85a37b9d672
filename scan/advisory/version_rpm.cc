// rpm-version(7) and rpmvercmp(): [epoch:]version[-release]; a missing epoch is 0.
#include <algorithm>

#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

struct RpmVersion {
  std::string_view epoch;
  std::string_view version;
  std::string_view release;
};

std::optional<RpmVersion> parse(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= ' '; }))
    return std::nullopt;
  RpmVersion parsed;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    parsed.epoch = text.substr(0, colon);
    if (!std::all_of(parsed.epoch.begin(), parsed.epoch.end(), is_digit)) return std::nullopt;
    text.remove_prefix(colon + 1);
  }
  if (const auto dash = text.rfind('-'); dash != std::string_view::npos) {
    parsed.release = text.substr(dash + 1);
    text = text.substr(0, dash);
  }
  if (text.empty()) return std::nullopt;
  parsed.version = text;
  return parsed;
}

void skip_separators(std::string_view& text) {
  while (!text.empty() && !is_digit(text.front()) && !is_letter(text.front()) && text.front() != '~' &&
         text.front() != '^')
    text.remove_prefix(1);
}

std::string_view take_letters(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_letter(text[n]))
    ++n;
  const std::string_view letters = text.substr(0, n);
  text.remove_prefix(n);
  return letters;
}

int compare_part(std::string_view a, std::string_view b) {
  while (true) {
    skip_separators(a);
    skip_separators(b);
    const bool tilde_a = a.starts_with('~');
    const bool tilde_b = b.starts_with('~');
    if (tilde_a || tilde_b) {
      if (!tilde_a) return 1;
      if (!tilde_b) return -1;
      a.remove_prefix(1);
      b.remove_prefix(1);
      continue;
    }
    const bool caret_a = a.starts_with('^');
    const bool caret_b = b.starts_with('^');
    if (caret_a || caret_b) {
      // "^" is after the end but before any other continuation.
      if (a.empty()) return -1;
      if (b.empty()) return 1;
      if (!caret_a) return 1;
      if (!caret_b) return -1;
      a.remove_prefix(1);
      b.remove_prefix(1);
      continue;
    }
    if (a.empty() || b.empty()) return a.empty() ? (b.empty() ? 0 : -1) : 1;
    if (is_digit(a.front())) {
      if (!is_digit(b.front())) return 1;
      if (const int order = compare_digits(take_digits(a), take_digits(b)); order != 0) return order;
    } else {
      if (!is_letter(b.front())) return -1;
      if (const int order = sign(take_letters(a).compare(take_letters(b))); order != 0) return order;
    }
  }
}

}  // namespace

std::optional<int> compare_rpm(std::string_view a, std::string_view b) {
  const auto left = parse(a);
  const auto right = parse(b);
  if (!left || !right) return std::nullopt;
  if (const int order = compare_digits(left->epoch, right->epoch); order != 0) return order;
  if (const int order = compare_part(left->version, right->version); order != 0) return order;
  return compare_part(left->release, right->release);
}

}  // namespace scangate::versions
