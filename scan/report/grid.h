#pragma once
// Columns of text for a terminal: aligned, wrapped to a width, with colours that do not count as width.
#include <string>
#include <string_view>
#include <vector>

#include "scan/report/report.h"

namespace scangate {

// Characters of UTF-8 text, one column each (wide ones are rare in package names).
std::size_t text_width(std::string_view text);
// Lines of at most `width` columns; breaks at blanks, and inside a word only when it is longer than a line.
std::vector<std::string> wrap_text(std::string_view text, std::size_t width);

enum class Ink { none, bold, dim, red, yellow, green, blue };
std::string paint(std::string_view text, Ink ink, Colour colour);

struct Cell {
  std::string text;
  Ink ink = Ink::none;
};

class Grid {
 public:
  explicit Grid(std::vector<std::string> head) : head_(std::move(head)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  // Every line starts with two blanks. The widest columns give way first when the width does not suffice.
  std::string render(std::size_t width, Colour colour) const;

 private:
  std::vector<std::size_t> column_widths(std::size_t width) const;
  std::vector<std::string> head_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace scangate
