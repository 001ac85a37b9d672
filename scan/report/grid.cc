#include "scan/report/grid.h"

#include <algorithm>

namespace scangate {
namespace {

constexpr std::string_view kIndent = "  ";
constexpr std::string_view kGap = "  ";
constexpr std::size_t kMinColumn = 6;  // narrower columns cannot be read

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Bytes of the first `columns` characters.
std::size_t prefix_bytes(std::string_view text, std::size_t columns) {
  std::size_t i = 0;
  while (i < text.size() && columns > 0) {
    ++i;
    while (i < text.size() && continues_character(text[i]))
      ++i;
    --columns;
  }
  return i;
}

std::string without_trailing_blanks(std::string line) {
  while (line.ends_with(' '))
    line.pop_back();
  return line;
}

}  // namespace

std::size_t text_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

std::vector<std::string> wrap_text(std::string_view text, std::size_t width) {
  width = std::max<std::size_t>(width, 1);
  std::vector<std::string> lines;
  while (text_width(text) > width) {
    const std::size_t full = prefix_bytes(text, width);
    // A blank right behind the line is a good break too.
    std::size_t end = text.substr(0, full + 1).rfind(' ');
    if (end == std::string_view::npos || end == 0) end = full;
    lines.push_back(without_trailing_blanks(std::string(text.substr(0, end))));
    text.remove_prefix(end);
    while (text.starts_with(' '))
      text.remove_prefix(1);
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

std::string paint(std::string_view text, Ink ink, Colour colour) {
  if (colour == Colour::never || ink == Ink::none || text.empty()) return std::string(text);
  // ECMA-48, select graphic rendition.
  std::string_view code;
  switch (ink) {
    case Ink::bold:
      code = "1";
      break;
    case Ink::dim:
      code = "2";
      break;
    case Ink::red:
      code = "31";
      break;
    case Ink::yellow:
      code = "33";
      break;
    case Ink::green:
      code = "32";
      break;
    case Ink::blue:
      code = "34";
      break;
    case Ink::none:
      break;
  }
  std::string out = "\x1b[";
  out += code;
  out += 'm';
  out += text;
  out += "\x1b[0m";
  return out;
}

std::vector<std::size_t> Grid::column_widths(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (const auto& title : head_)
    widths.push_back(text_width(title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < widths.size() && i < row.size(); ++i)
      widths[i] = std::max(widths[i], text_width(row[i].text));
  }
  const std::size_t gaps = kIndent.size() + kGap.size() * (widths.size() - 1);
  const std::size_t room = width > gaps ? width - gaps : 0;
  const auto total = [&] {
    std::size_t sum = 0;
    for (const std::size_t one : widths)
      sum += one;
    return sum;
  };
  // A cell of a hostile image may be thousands wide; halving keeps this to some twenty rounds a column.
  while (total() > room) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kMinColumn) break;
    const std::size_t excess = total() - room;
    *widest = std::max({kMinColumn, *widest / 2, *widest > excess ? *widest - excess : 0});
  }
  return widths;
}

std::string Grid::render(std::size_t width, Colour colour) const {
  const std::vector<std::size_t> widths = column_widths(width);
  std::string out;
  const auto add_row = [&](const std::vector<Cell>& row) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      cells.push_back(wrap_text(i < row.size() ? row[i].text : std::string(), widths[i]));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
      std::string text(kIndent);
      std::size_t owed = 0;  // blanks are only written when something follows
      for (std::size_t i = 0; i < widths.size(); ++i) {
        const std::string piece = line < cells[i].size() ? cells[i][line] : std::string();
        if (!piece.empty()) {
          text += std::string(owed, ' ') + paint(piece, row[i].ink, colour);
          owed = 0;
        }
        owed += widths[i] - text_width(piece) + kGap.size();
      }
      out += text + "\n";
    }
  };
  std::vector<Cell> head;
  for (const auto& title : head_)
    head.push_back({title, Ink::dim});
  add_row(head);
  for (const auto& row : rows_)
    add_row(row);
  return out;
}

}  // namespace scangate
