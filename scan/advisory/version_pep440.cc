// PEP 440 ("Version scheme", "Summary of permitted suffixes and relative ordering", "Normalization"; the permissive
// grammar of its appendix B).
#include <algorithm>

#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Case-insensitive prefix, removed when there.
bool take_word(std::string_view& text, std::string_view word) {
  if (text.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (lower(text[i]) != word[i]) return false;
  }
  text.remove_prefix(word.size());
  return true;
}

bool is_separator(char c) {
  return c == '.' || c == '-' || c == '_';
}

bool take_separator(std::string_view& text) {
  if (text.empty() || !is_separator(text.front())) return false;
  text.remove_prefix(1);
  return true;
}

// The release without its trailing zero components, so that 1.0 and 1 are equal.
std::string_view without_trailing_zeros(std::string_view release) {
  while (true) {
    const auto dot = release.rfind('.');
    if (dot == std::string_view::npos) return release;
    const std::string_view last = release.substr(dot + 1);
    if (last.find_first_not_of('0') != std::string_view::npos) return release;
    release = release.substr(0, dot);
  }
}

struct Pep440 {
  std::string_view epoch;
  std::string_view release;  // "1.2.3"
  int pre = 0;               // 1 alpha, 2 beta, 3 candidate; 0 none
  std::string_view pre_number;
  bool has_post = false;
  std::string_view post_number;
  bool has_dev = false;
  std::string_view dev_number;
  std::string_view local;  // empty: none

  // A development release of a final version stands before its pre-releases, a final or post release after them.
  int pre_rank() const {
    if (pre != 0) return pre;
    return !has_post && has_dev ? 0 : 4;
  }
};

// "a1", "-alpha.1", "rc": the suffix with its optional separators and number.
// The grammar lets a separator stand before a missing number ("1.0a."), hence it is taken either way.
bool take_pre(std::string_view& text, Pep440& version) {
  std::string_view rest = text;
  take_separator(rest);
  if (take_word(rest, "alpha") || take_word(rest, "a"))
    version.pre = 1;
  else if (take_word(rest, "beta") || take_word(rest, "b"))
    version.pre = 2;
  else if (take_word(rest, "preview") || take_word(rest, "pre") || take_word(rest, "rc") || take_word(rest, "c"))
    version.pre = 3;
  else
    return false;
  take_separator(rest);
  version.pre_number = take_digits(rest);
  text = rest;
  return true;
}

void take_post(std::string_view& text, Pep440& version) {
  if (text.size() > 1 && text.front() == '-' && is_digit(text[1])) {
    text.remove_prefix(1);
    version.post_number = take_digits(text);
    version.has_post = true;
    return;
  }
  std::string_view rest = text;
  take_separator(rest);
  if (!take_word(rest, "post") && !take_word(rest, "rev") && !take_word(rest, "r")) return;
  version.has_post = true;
  take_separator(rest);
  version.post_number = take_digits(rest);
  text = rest;
}

void take_dev(std::string_view& text, Pep440& version) {
  std::string_view rest = text;
  take_separator(rest);
  if (!take_word(rest, "dev")) return;
  version.has_dev = true;
  take_separator(rest);
  version.dev_number = take_digits(rest);
  text = rest;
}

bool take_local(std::string_view& text, Pep440& version) {
  if (!text.starts_with('+')) return true;
  text.remove_prefix(1);
  bool after_separator = true;
  for (const char c : text) {
    if (is_separator(c)) {
      if (after_separator) return false;
      after_separator = true;
    } else if (is_digit(c) || is_letter(c)) {
      after_separator = false;
    } else {
      return false;
    }
  }
  if (after_separator) return false;
  version.local = text;
  text = {};
  return true;
}

std::optional<Pep440> parse(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  take_word(text, "v");
  Pep440 version;
  std::string_view rest = text;
  const std::string_view epoch = take_digits(rest);
  if (!epoch.empty() && rest.starts_with('!')) {
    version.epoch = epoch;
    text = rest.substr(1);
  }
  const std::string_view release = text;
  if (take_digits(text).empty()) return std::nullopt;
  while (text.size() > 1 && text.front() == '.' && is_digit(text[1])) {
    text.remove_prefix(1);
    take_digits(text);
  }
  version.release = without_trailing_zeros(release.substr(0, release.size() - text.size()));
  take_pre(text, version);
  take_post(text, version);
  take_dev(text, version);
  if (!take_local(text, version) || !text.empty()) return std::nullopt;
  return version;
}

int compare_release(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (const int order = compare_digits(take_digits(a), take_digits(b)); order != 0) return order;
    if (!a.empty()) a.remove_prefix(1);
    if (!b.empty()) b.remove_prefix(1);
  }
  // What is left does not end in zeros, so it is more than nothing.
  return a.empty() ? (b.empty() ? 0 : -1) : 1;
}

int compare_ignoring_case(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (lower(a[i]) != lower(b[i])) return lower(a[i]) < lower(b[i]) ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

// "Local version identifiers": numbers after words, more segments after fewer, any after none.
int compare_local(std::string_view a, std::string_view b) {
  const auto take = [](std::string_view& text) {
    std::size_t n = 0;
    while (n < text.size() && !is_separator(text[n]))
      ++n;
    const std::string_view segment = text.substr(0, n);
    text.remove_prefix(std::min(text.size(), n + 1));
    return segment;
  };
  while (!a.empty() && !b.empty()) {
    const std::string_view one = take(a);
    const std::string_view two = take(b);
    const bool number_one = std::all_of(one.begin(), one.end(), is_digit);
    const bool number_two = std::all_of(two.begin(), two.end(), is_digit);
    if (number_one != number_two) return number_one ? 1 : -1;
    const int order = number_one ? compare_digits(one, two) : compare_ignoring_case(one, two);
    if (order != 0) return order;
  }
  return a.empty() ? (b.empty() ? 0 : -1) : 1;
}

}  // namespace

std::optional<int> compare_pep440(std::string_view a, std::string_view b) {
  const auto left = parse(a);
  const auto right = parse(b);
  if (!left || !right) return std::nullopt;
  if (const int order = compare_digits(left->epoch, right->epoch); order != 0) return order;
  if (const int order = compare_release(left->release, right->release); order != 0) return order;
  if (left->pre_rank() != right->pre_rank()) return left->pre_rank() < right->pre_rank() ? -1 : 1;
  if (const int order = compare_digits(left->pre_number, right->pre_number); order != 0) return order;
  if (left->has_post != right->has_post) return left->has_post ? 1 : -1;
  if (const int order = compare_digits(left->post_number, right->post_number); order != 0) return order;
  if (left->has_dev != right->has_dev) return left->has_dev ? -1 : 1;
  if (const int order = compare_digits(left->dev_number, right->dev_number); order != 0) return order;
  return compare_local(left->local, right->local);
}

}  // namespace scangate::versions
