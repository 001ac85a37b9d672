#include "pipeline/dockerfile/glob.h"

#include <algorithm>

#include "base/text.h"

namespace scangate::dockerfile {
namespace {

// One character from `at`: its code point and length. Bytes that are not UTF-8 stand for themselves.
std::pair<char32_t, std::size_t> character(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (length == 1 || at + length > text.size()) return {lead, 1};
  char32_t point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80U) return {lead, 1};
    point = point << 6U | (byte(at + i) & 0x3FU);
  }
  return {point, length};
}

}  // namespace

Result<Glob> Glob::parse(std::string_view pattern, GlobFlavor flavor) {
  const auto bad = [&](std::string_view why) {
    return fail(Fault::user, fmt::format("bad pattern '{}': {}", printable(pattern), why));
  };
  if (pattern.size() > kMaxBytes) return fail(Fault::user, fmt::format("a pattern is longer than {} bytes", kMaxBytes));
  Glob glob;
  std::size_t i = 0;
  while (i < pattern.size()) {
    const char c = pattern[i];
    if (c == '*') {
      glob.wildcards_ = true;
      std::size_t stars = 0;
      while (i < pattern.size() && pattern[i] == '*') {
        ++stars;
        ++i;
      }
      if (flavor == GlobFlavor::file_match || stars == 1) {
        glob.tokens_.push_back({Kind::star, "", {}});
      } else {
        // `**/` and `**x` alike: any number of folders, then the rest.
        if (i < pattern.size() && pattern[i] == '/') ++i;
        glob.tokens_.push_back({i == pattern.size() ? Kind::rest : Kind::folders, "", {}});
      }
      continue;
    }
    if (c == '?') {
      glob.wildcards_ = true;
      glob.tokens_.push_back({Kind::one, "", {}});
      ++i;
      continue;
    }
    if (c == '[') {
      glob.wildcards_ = true;
      Token token{Kind::bracket, "", {}};
      ++i;
      if (i < pattern.size() && pattern[i] == '^') {
        token.negated = true;
        ++i;
      }
      const auto take = [&]() -> Result<char32_t> {
        if (i < pattern.size() && pattern[i] == '\\') ++i;
        if (i >= pattern.size()) return fail(Fault::user, "");
        const auto [point, length] = character(pattern, i);
        i += length;
        return point;
      };
      while (i < pattern.size() && (pattern[i] != ']' || token.ranges.empty())) {
        if (pattern[i] == ']' || pattern[i] == '-') return bad("a class begins with ']' or '-'");
        auto low = take();
        if (!low) return bad("a class has no closing ']'");
        auto high = low;
        if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
          ++i;
          high = take();
          if (!high) return bad("a class has no closing ']'");
        }
        if (*high < *low) return bad("a range in a class runs backwards");
        token.ranges.emplace_back(*low, *high);
      }
      if (i >= pattern.size()) return bad("a class has no closing ']'");
      ++i;
      glob.tokens_.push_back(std::move(token));
      continue;
    }
    if (c == '\\') {
      if (++i == pattern.size()) return bad("it ends in a \\");
    }
    const auto [point, length] = character(pattern, i);
    glob.tokens_.push_back({Kind::literal, std::string(pattern.substr(i, length)), {}});
    glob.literal_ += pattern.substr(i, length);
    i += length;
  }
  return glob;
}

// States reachable without reading: stars and folders may match nothing. folders take two states' worth of meaning: a
// state on a `folders` token is "at its beginning"; having read some of it is kept one bit higher (2).
void Glob::close(std::vector<char>& states) const {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if ((states[i] & 1) == 0) continue;
    const Kind kind = tokens_[i].kind;
    if (kind == Kind::star || kind == Kind::folders || kind == Kind::rest) states[i + 1] |= 1;
  }
}

template <class AtFolder>
std::vector<char> Glob::states_after(std::string_view path, AtFolder at_folder) const {
  std::vector<char> now(tokens_.size() + 1, 0);
  now[0] = 1;
  close(now);
  std::vector<char> next(now.size(), 0);
  for (std::size_t at = 0; at < path.size();) {
    const auto [point, length] = character(path, at);
    if (point == U'/') at_folder(now);
    std::fill(next.begin(), next.end(), 0);
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (now[i] == 0) continue;
      const Token& token = tokens_[i];
      switch (token.kind) {
        case Kind::literal:
          if (token.bytes == path.substr(at, length)) next[i + 1] |= 1;
          break;
        case Kind::one:
          if (point != U'/') next[i + 1] |= 1;
          break;
        case Kind::star:
          if (point != U'/') next[i] |= 1;
          break;
        case Kind::rest:
          next[i] |= 1;
          break;
        case Kind::folders:
          // Anything may be read, but only after a '/' does the next token begin.
          next[i] |= 2;
          if (point == U'/') next[i + 1] |= 1;
          break;
        case Kind::bracket: {
          const bool inside = std::ranges::any_of(
              token.ranges, [&](const auto& range) { return point >= range.first && point <= range.second; });
          if (inside != token.negated && point != U'/') next[i + 1] |= 1;
          break;
        }
      }
    }
    close(next);
    std::swap(now, next);
    at += length;
  }
  return now;
}

bool Glob::matches(std::string_view path) const {
  if (!wildcards_) return path == literal_;
  return states_after(path, [](const auto&) {}).back() != 0;
}

bool Glob::matches_or_parent(std::string_view path) const {
  if (!wildcards_)
    return path.starts_with(literal_) && (path.size() == literal_.size() || path[literal_.size()] == '/');
  bool parent = false;
  const auto states = states_after(path, [&](const auto& before) { parent = parent || before.back() != 0; });
  return parent || states.back() != 0;
}

bool Glob::can_match_below(std::string_view path) const {
  const auto states = states_after(std::string(path) + "/", [](const auto&) {});
  return std::ranges::any_of(states.begin(), states.end() - 1, [](char state) { return state != 0; });
}

}  // namespace scangate::dockerfile
