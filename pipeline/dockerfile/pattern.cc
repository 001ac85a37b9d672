#include "pipeline/dockerfile/pattern.h"

#include <algorithm>

#include "base/text.h"
#include "pipeline/dockerfile/expand.h"

namespace scangate::dockerfile {
namespace {

std::size_t character_length(std::string_view value, std::size_t at) {
  std::size_t length = 1;
  const auto lead = static_cast<unsigned char>(value[at]);
  if (lead >= 0xC0) {
    while (at + length < value.size() && length < 4 && (static_cast<unsigned char>(value[at + length]) & 0xC0) == 0x80)
      ++length;
  }
  return length;
}

Error too_much_work() {
  return {Fault::user, fmt::format("the substitution needs more than {} steps", kMaxPatternSteps)};
}

}  // namespace

Result<ShellPattern> ShellPattern::parse(std::string_view text) {
  ShellPattern pattern;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '*') {
      // Adjacent stars match what one does.
      if (pattern.tokens_.empty() || pattern.tokens_.back().kind != Kind::any)
        pattern.tokens_.push_back({Kind::any, 0});
    } else if (c == '?') {
      pattern.tokens_.push_back({Kind::one, 0});
    } else if (c == '\\') {
      const char next = i + 1 < text.size() ? text[i + 1] : '\0';
      if (next != '*' && next != '?' && next != '\\' && next != '}' && next != '/')
        return fail(Fault::user,
                    fmt::format("invalid pattern '{}': \\ may stand before * ? \\ }} and / only", printable(text)));
      pattern.tokens_.push_back({Kind::literal, next});
      ++i;
    } else {
      pattern.tokens_.push_back({Kind::literal, c});
    }
  }
  return pattern;
}

Result<std::optional<std::size_t>> ShellPattern::match_at(std::string_view value, std::size_t start, Extent extent,
                                                          std::size_t& steps) const {
  // states[i]: the first i tokens match value[start, position). Characters of several bytes reach ahead, so a `?` hands
  // its successor state to a later position.
  const std::size_t n = tokens_.size();
  std::vector<char> now(n + 1, 0);
  std::vector<std::vector<char>> later(4, std::vector<char>(n + 1, 0));
  now[0] = 1;
  std::optional<std::size_t> end;
  for (std::size_t at = start;; ++at) {
    if (steps < n + 1) return fail(too_much_work());
    steps -= n + 1;
    bool alive = false;
    for (std::size_t i = 0; i < n; ++i) {
      if (now[i] && tokens_[i].kind == Kind::any) now[i + 1] = 1;
    }
    for (std::size_t i = 0; i <= n; ++i)
      alive = alive || now[i];
    if (now[n]) {
      end = at;
      if (extent == Extent::shortest) return end;
    }
    for (const auto& ahead : later)
      alive = alive || std::ranges::find(ahead, 1) != ahead.end();
    if (!alive || at >= value.size()) return end;
    std::vector<char> next = std::move(later.front());
    std::rotate(later.begin(), later.begin() + 1, later.end());
    later.back().assign(n + 1, 0);
    const std::size_t length = character_length(value, at);
    for (std::size_t i = 0; i < n; ++i) {
      if (!now[i]) continue;
      const Token& token = tokens_[i];
      if (token.kind == Kind::literal) {
        if (token.byte == value[at]) next[i + 1] = 1;
      } else if (value[at] != '\n') {  // wildcards stop at a line end in BuildKit's translation to regular expressions
        const std::size_t to = token.kind == Kind::any ? i : i + 1;
        if (length == 1)
          next[to] = 1;
        else
          later[length - 2][to] = 1;
      }
    }
    now = std::move(next);
  }
}

Result<std::string> ShellPattern::without_prefix(std::string_view value, Extent extent, std::size_t& steps) const {
  SCANGATE_TRY(auto end, match_at(value, 0, extent, steps));
  return std::string(end ? value.substr(*end) : value);
}

Result<std::string> ShellPattern::without_suffix(std::string_view value, Extent extent, std::size_t& steps) const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i <= value.size(); ++i) {
    const std::size_t start = extent == Extent::longest ? i : value.size() - i;
    if (start < value.size() && (static_cast<unsigned char>(value[start]) & 0xC0) == 0x80) continue;
    SCANGATE_TRY(auto end, match_at(value, start, Extent::longest, steps));
    if (end && *end == value.size()) {
      best = start;
      break;
    }
  }
  return std::string(best ? value.substr(0, *best) : value);
}

Result<std::string> ShellPattern::replace(std::string_view value, std::string_view replacement, bool all,
                                          std::size_t& steps) const {
  std::string out;
  std::size_t at = 0;
  bool after_match = false;
  while (at <= value.size()) {
    SCANGATE_TRY(auto end, match_at(value, at, Extent::longest, steps));
    // An empty match right behind the last one does not count (RE2 and Go agree on that).
    if (end && !(*end == at && after_match)) {
      out += replacement;
      after_match = true;
      if (!all) return out += value.substr(*end);
      if (out.size() > kMaxExpandedBytes)
        return fail(Fault::user, fmt::format("the expansion is longer than {} bytes", kMaxExpandedBytes));
      if (*end > at) {
        at = *end;
        continue;
      }
    }
    if (at == value.size()) break;
    const std::size_t length = character_length(value, at);
    out += value.substr(at, length);
    at += length;
    after_match = false;
  }
  return out;
}

}  // namespace scangate::dockerfile
