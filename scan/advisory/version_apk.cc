// The order of apk-tools (its version.c and test/version.data are the only statement of it): digits(.digits)*, one
// letter, any number of _suffix[number], ~hash, -rNUMBER.
#include <array>

#include "scan/advisory/version_schemes.h"

namespace scangate::versions {
namespace {

// In the order apk gives them: of two versions equal so far, the one whose next part stands *later* here is older,
// except that a pre-release suffix is older than everything.
enum class Part { first_digits, digits, letter, suffix, suffix_number, hash, revision, end };

struct Token {
  Part part = Part::end;
  std::string_view text;
  int suffix = 0;  // below 0: before the release; above: after it
};

constexpr std::array<std::pair<std::string_view, int>, 9> kSuffixes{
    {{"alpha", -4}, {"beta", -3}, {"pre", -2}, {"rc", -1}, {"cvs", 1}, {"svn", 2}, {"git", 3}, {"hg", 4}, {"p", 5}}};

class Tokens {
 public:
  explicit Tokens(std::string_view text) : rest_(text) {}

  // nullopt: not a version.
  std::optional<Token> next() {
    if (first_) {
      first_ = false;
      last_ = Part::first_digits;
      return digits(Part::first_digits);
    }
    if (rest_.empty()) return Token{};
    const char c = rest_.front();
    if (is_lower(c)) {
      if (last_ > Part::digits) return std::nullopt;
      return piece(Part::letter, 1);
    }
    switch (c) {
      case '.':
        if (last_ > Part::digits) return std::nullopt;
        rest_.remove_prefix(1);
        return digits(Part::digits);
      case '_':
        if (last_ > Part::suffix_number) return std::nullopt;
        rest_.remove_prefix(1);
        return suffix();
      case '~': {
        if (last_ >= Part::hash) return std::nullopt;
        rest_.remove_prefix(1);
        std::size_t n = 0;
        while (n < rest_.size() && (is_digit(rest_[n]) || (rest_[n] >= 'a' && rest_[n] <= 'f')))
          ++n;
        if (n == 0) return std::nullopt;
        return piece(Part::hash, n);
      }
      case '-':
        if (last_ >= Part::revision || !rest_.starts_with("-r")) return std::nullopt;
        rest_.remove_prefix(2);
        return digits(Part::revision);
      default:
        if (is_digit(c) && last_ == Part::suffix) return digits(Part::suffix_number);
        return std::nullopt;
    }
  }

 private:
  Token piece(Part part, std::size_t length) {
    last_ = part;
    Token token{part, rest_.substr(0, length), 0};
    rest_.remove_prefix(length);
    return token;
  }
  std::optional<Token> digits(Part part) {
    const std::string_view text = take_digits(rest_);
    if (text.empty()) return std::nullopt;
    last_ = part;
    return Token{part, text, 0};
  }
  std::optional<Token> suffix() {
    std::size_t n = 0;
    while (n < rest_.size() && is_lower(rest_[n]))
      ++n;
    const std::string_view name = rest_.substr(0, n);
    for (const auto& [known, value] : kSuffixes) {
      if (name != known) continue;
      Token token = piece(Part::suffix, n);
      token.suffix = value;
      return token;
    }
    return std::nullopt;
  }

  std::string_view rest_;
  Part last_ = Part::first_digits;
  bool first_ = true;
};

int compare_tokens(const Token& a, const Token& b) {
  switch (a.part) {
    case Part::digits:
      // A component after the first that starts with 0 is a decimal fraction: 1.02 is before 1.1 (Gentoo's rule).
      if (a.text.front() == '0' || b.text.front() == '0') return sign(a.text.compare(b.text));
      return compare_digits(a.text, b.text);
    case Part::first_digits:
    case Part::suffix_number:
    case Part::revision:
      return compare_digits(a.text, b.text);
    case Part::letter:
    case Part::hash:
      return sign(a.text.compare(b.text));
    case Part::suffix:
      return sign(a.suffix - b.suffix);
    case Part::end:
      return 0;
  }
  return 0;
}

bool is_version(std::string_view text) {
  Tokens tokens(text);
  while (true) {
    const auto token = tokens.next();
    if (!token) return false;
    if (token->part == Part::end) return true;
  }
}

}  // namespace

std::optional<int> compare_apk(std::string_view a, std::string_view b) {
  if (!is_version(a) || !is_version(b)) return std::nullopt;
  Tokens left_tokens(a);
  Tokens right_tokens(b);
  while (true) {
    const auto left = left_tokens.next();
    const auto right = right_tokens.next();
    if (left->part == right->part) {
      if (const int order = compare_tokens(*left, *right); order != 0) return order;
      if (left->part == Part::end) return 0;
      continue;
    }
    if (left->part == Part::suffix && left->suffix < 0) return -1;
    if (right->part == Part::suffix && right->suffix < 0) return 1;
    return left->part > right->part ? -1 : 1;
  }
}

}  // namespace scangate::versions
