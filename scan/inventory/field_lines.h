#pragma once
// Lines of the "Name: value" formats: deb822(5) and Python's core metadata (RFC 822 headers).
#include <cstddef>
#include <string_view>

namespace scangate::inventory {

struct FieldLine {
  enum class Kind {
    field,         // "Name: value", value trimmed
    continuation,  // begins with a blank
    blank,         // ends a paragraph
    other,         // anything else: damage in deb822, loose text in Python metadata
  };
  Kind kind = Kind::blank;
  std::string_view name;
  std::string_view value;
  std::size_t number = 0;  // 1-based
};

class FieldLines {
 public:
  explicit FieldLines(std::string_view text) : rest_(text) {}
  // The next line; false at the end. Line ends are LF or CR LF.
  bool next(FieldLine& line);

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

// ASCII letters without regard to case: deb822(5) and RFC 822 field names.
bool same_field(std::string_view a, std::string_view b);

}  // namespace scangate::inventory
