#include "executor/host/toml_cursor.h"

#include <cstdint>
#include <map>

#include "base/text.h"

namespace scangate::toml {
namespace {

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace

tl::unexpected<Error> Cursor::refuse_at(std::size_t offset, std::string cause) const {
  int line = 1;
  std::size_t start = 0;
  for (std::size_t i = 0; i < offset && i < text_.size(); ++i) {
    if (text_[i] != '\n') continue;
    ++line;
    start = i + 1;
  }
  return fail(Error(Fault::user, std::move(cause)).at(fmt::format("{}:{}:{}", place_, line, offset - start + 1)));
}

std::string Cursor::found() const {
  if (at_end()) return "the end of the file";
  if (peek() == '\n' || looking_at("\r\n")) return "the end of the line";
  if (peek() == '\r') return "a carriage return alone";
  return fmt::format("'{}'", printable(text_.substr(at_, 1)));
}

void Cursor::blanks() {
  while (peek() == ' ' || peek() == '\t')
    ++at_;
}

Result<void> Cursor::comment() {
  if (peek() != '#') return {};
  while (!at_end() && peek() != '\n' && !looking_at("\r\n")) {
    if (is_control(peek())) return refuse("a control character in a comment");
    ++at_;
  }
  return {};
}

bool Cursor::newline() {
  if (looking_at("\r\n"))
    at_ += 2;
  else if (peek() == '\n' && !at_end())
    ++at_;
  else
    return false;
  ++line_;
  return true;
}

Result<std::string> Cursor::string() {
  const char quote = peek();
  const std::string_view triple = quote == '"' ? "\"\"\"" : "'''";
  const bool multi = looking_at(triple);
  const std::size_t begin = at_;
  at_ += multi ? 3 : 1;
  if (multi) newline();  // one right behind the quotes does not count
  std::string out;
  for (;;) {
    if (at_end()) return refuse_at(begin, "this string does not end");
    if (multi && looking_at(triple)) {
      at_ += 3;
      // Up to two quotes may stand right before the closing three.
      for (int extra = 0; extra < 2 && !at_end() && peek() == quote; ++extra) {
        out += quote;
        ++at_;
      }
      return out;
    }
    const char c = peek();
    if (!multi && c == quote) {
      ++at_;
      return out;
    }
    if (c == '\n' || looking_at("\r\n")) {
      if (!multi) return refuse_at(begin, "this string does not end on its line");
      newline();
      out += '\n';
      continue;
    }
    if (is_control(c)) return refuse("a control character in a string");
    if (c == '\\' && quote == '"') {
      SCANGATE_CHECK(escape(out, multi));
      continue;
    }
    out += c;
    ++at_;
  }
}

Result<void> Cursor::escape(std::string& out, bool multi) {
  const std::size_t begin = at_;
  ++at_;
  const char c = peek();
  static const std::map<char, char> kSimple = {{'b', '\b'}, {'t', '\t'}, {'n', '\n'}, {'f', '\f'},
                                               {'r', '\r'}, {'"', '"'},  {'\\', '\\'}};
  if (const auto simple = kSimple.find(c); simple != kSimple.end() && !at_end()) {
    out += simple->second;
    ++at_;
    return {};
  }
  if (c == 'u' || c == 'U') {
    const std::size_t digits = c == 'u' ? 4 : 8;
    std::uint32_t code = 0;
    ++at_;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      const std::string_view hex = "0123456789abcdef";
      const auto digit = at_end() ? std::string_view::npos : hex.find(to_lower(text_.substr(at_, 1)));
      if (digit == std::string_view::npos)
        return refuse_at(begin, fmt::format("\\{} needs {} hexadecimal digits", c, digits));
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
      return refuse_at(begin, "this escape is no Unicode character");
    append_utf8(out, code);
    return {};
  }
  // A backslash at the line's end swallows all white space up to the next character.
  if (multi) {
    blanks();
    if (newline()) {
      for (;;) {
        blanks();
        if (!newline()) return {};
      }
    }
  }
  return refuse_at(begin, "unknown escape in a string");
}

}  // namespace scangate::toml
