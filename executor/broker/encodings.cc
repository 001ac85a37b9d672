#include "executor/broker/encodings.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "executor/broker/broker.h"

namespace scangate {
namespace {

using Encoder = std::string (*)(std::string_view);

std::string plain(std::string_view text) {
  return std::string(text);
}

// Inside bash's $'…'; bash(1), QUOTING. Bytes outside ASCII and control characters are \xHH.
std::string ansi_c(std::string_view text) {
  static constexpr std::string_view kLetters = "\a\b\t\n\v\f\r";
  static constexpr std::string_view kNames = "abtnvfr";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (const auto at = kLetters.find(c); at != std::string_view::npos) {
      out += '\\';
      out += kNames[at];
    } else if (c == '\\' || c == '\'') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

// Inside '…' of any POSIX shell: a quote ends the string, is written in double quotes, and the string goes on.
std::string posix(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'')
      out += "'\"'\"'";
    else
      out += c;
  }
  return out;
}

// The same with the quote behind a backslash.
std::string posix_backslash(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out;
}

// Inside "…", where the shell still reads four characters.
std::string double_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"' || c == '$' || c == '`') out += '\\';
    out += c;
  }
  return out;
}

// RFC 8259, section 7, with only what must be escaped.
std::string json(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

// RFC 3986, section 2.3.
std::string url(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    out += unreserved ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

std::string base64(std::string_view text) {
  return base64_encode(text);
}

// The inner form is what stands in a value or a file, the outer ones are the runner's quoting around it.
constexpr Encoder kInner[] = {plain, json, url, base64};
constexpr Encoder kQuotes[] = {plain, ansi_c, posix, posix_backslash, double_quoted};

}  // namespace

std::vector<std::pair<std::string, std::string>> encodings_of(std::string_view value, std::string_view placeholder,
                                                              const std::vector<std::string>& users) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&](std::string from, std::string to) {
    for (const auto& [known, unused] : out)
      if (known == from) return;
    out.emplace_back(std::move(from), std::move(to));
  };
  for (const Encoder inner : kInner)
    for (const Encoder first : kQuotes)
      for (const Encoder second : kQuotes)
        add(second(first(inner(value))), second(first(inner(placeholder))));
  for (const auto& user : users) {
    const std::string prefix = user + ":";
    add(base64_encode(prefix + std::string(value)), base64_encode(prefix + std::string(placeholder)));
  }
  return out;
}

}  // namespace scangate
