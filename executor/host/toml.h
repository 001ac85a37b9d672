#pragma once
// Where things stand in a TOML document, so that an editor can change a value and leave every other byte alone. TOML
// v1.0.0, https://toml.io. Stricter than it needs to be for reading: what is not understood for certain is refused,
// never skipped.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::toml {

// A runner's configuration holds a few kilobytes for each of some dozens of runners.
inline constexpr std::size_t kMaxTomlBytes = 4U << 20U;
// Arrays and inline tables within each other: reading recurses.
inline constexpr int kMaxTomlDepth = 64;

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct Value {
  enum class Kind {
    text,   // any of the four kinds of string
    texts,  // an array of strings, the empty array too
    other,  // numbers, dates, tables, other arrays
  };
  Kind kind = Kind::other;
  std::string text;
  std::vector<std::string> texts;
  Span span;  // the value alone, without comment
};

struct Entry {
  std::vector<std::string> key;  // more than one part when dotted
  Value value;
  Span lines;  // whole lines, the line's end included
  int line = 0;
};

struct Table {
  enum class Kind { root, table, element };  // element: one of an array of tables, "[[x]]"
  Kind kind = Kind::root;
  std::vector<std::string> path;
  Span header;  // whole line; empty for the root
  int line = 0;
  std::vector<Entry> entries;

  const Entry* find(std::string_view key) const;
  // Just behind the last entry, or behind the header: where another entry can be put.
  std::size_t end() const { return entries.empty() ? header.end : entries.back().lines.end; }
};

struct Document {
  std::vector<Table> tables;   // in order; the first is the root
  std::string newline = "\n";  // as the file's first line ends
};

// `place` is the file's name in errors. Errors: Fault::user with file:line:column.
Result<Document> read(std::string_view text, std::string_view place);

// A basic string with its quotes.
std::string basic_string(std::string_view text);
std::string basic_string(const std::vector<std::string>& texts);

}  // namespace scangate::toml
