// Maven's order: POM reference, "Version Order Specification". The text is cut into numbers and qualifiers at dots,
// hyphens and every change between digits and letters (which counts as a hyphen); nulls at the end of each stretch
// between hyphens are dropped.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text.h"
#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

// Real versions have a dozen tokens; more are a hostile text.
constexpr std::size_t kMaxTokens = 200;

struct Token {
  char separator = '-';  // before it
  std::string text;      // digits, or a qualifier in lower case
  bool number = false;
};

bool is_null(const Token& token) {
  if (token.number) return token.text.find_first_not_of('0') == std::string::npos;
  return token.text.empty() || token.text == "final" || token.text == "ga" || token.text == "release";
}

std::optional<std::vector<Token>> parse(std::string_view version) {
  std::vector<Token> tokens;
  const std::string text = to_lower(version);
  char separator = '.';
  std::size_t i = 0;
  for (;;) {
    Token token{.separator = separator, .text = {}, .number = false};
    const std::size_t begin = i;
    if (i < text.size() && is_digit(text[i])) {
      while (i < text.size() && is_digit(text[i]))
        ++i;
      token.number = true;
    } else {
      while (i < text.size() && text[i] != '.' && text[i] != '-' && !is_digit(text[i]))
        ++i;
    }
    token.text = text.substr(begin, i - begin);
    if (token.text.empty()) token = {.separator = separator, .text = "0", .number = true};
    // The short forms count only right before a number.
    const bool before_number = i < text.size() && is_digit(text[i]);
    if (!token.number && before_number) {
      if (token.text == "a") token.text = "alpha";
      if (token.text == "b") token.text = "beta";
      if (token.text == "m") token.text = "milestone";
    }
    if (token.text == "cr") token.text = "rc";
    tokens.push_back(std::move(token));
    if (tokens.size() > kMaxTokens) return std::nullopt;
    if (i == text.size()) break;
    separator = text[i] == '.' ? '.' : '-';
    if (text[i] == '.' || text[i] == '-') ++i;
  }
  // From the end: nulls before the end and before each hyphen that remains.
  for (std::size_t end = tokens.size(); end > 0;) {
    std::size_t begin = end;
    while (begin > 0 && is_null(tokens[begin - 1]))
      --begin;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                 tokens.begin() + static_cast<std::ptrdiff_t>(end));
    end = begin;
    while (end > 0 && tokens[end - 1].separator != '-')
      --end;
    if (end > 0) --end;
  }
  return tokens;
}

// Known qualifiers come before all others, which are in alphabetical order.
std::pair<int, std::string_view> rank(std::string_view qualifier) {
  static constexpr std::array<std::string_view, 5> kBefore = {"alpha", "beta", "milestone", "rc", "snapshot"};
  for (std::size_t i = 0; i < kBefore.size(); ++i)
    if (kBefore[i] == qualifier) return {static_cast<int>(i), {}};
  if (qualifier.empty() || qualifier == "final" || qualifier == "ga" || qualifier == "release") return {5, {}};
  if (qualifier == "sp") return {6, {}};
  return {7, qualifier};
}

int compare(const Token& a, const Token& b) {
  // ".qualifier" = "-qualifier" < "-number" < ".number"
  const auto kind = [](const Token& token) { return !token.number ? 0 : token.separator == '-' ? 1 : 2; };
  if (kind(a) != kind(b)) return kind(a) < kind(b) ? -1 : 1;
  if (a.number) return compare_digits(a.text, b.text);
  const auto left = rank(a.text);
  const auto right = rank(b.text);
  return left < right ? -1 : left > right ? 1 : 0;
}

// What the shorter version is filled up with: it depends on what it meets.
Token padding(const Token& met) {
  if (met.separator == '.' && met.number) return {.separator = '.', .text = "0", .number = true};
  return {.separator = met.separator, .text = "", .number = false};
}

}  // namespace

std::optional<int> compare_maven(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return std::nullopt;
  const auto left = parse(a);
  const auto right = parse(b);
  if (!left || !right) return std::nullopt;
  for (std::size_t i = 0; i < std::max(left->size(), right->size()); ++i) {
    const Token one = i < left->size() ? (*left)[i] : padding((*right)[i]);
    const Token two = i < right->size() ? (*right)[i] : padding((*left)[i]);
    if (const int order = compare(one, two); order != 0) return order;
  }
  return 0;
}

}  // namespace scangate::versions
