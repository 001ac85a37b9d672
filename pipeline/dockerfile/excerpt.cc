#include "pipeline/dockerfile/excerpt.h"

#include <charconv>
#include <optional>

#include "base/text.h"

namespace scangate::dockerfile {
namespace {

std::optional<std::string_view> line_of(std::string_view text, int wanted) {
  if (wanted < 1) return std::nullopt;
  for (int number = 1; number < wanted; ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  while (text.ends_with('\r'))
    text.remove_suffix(1);
  return text;
}

bool inside_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

// "7:12" or "7".
std::optional<Place> place_of(std::string_view text) {
  Place place;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), place.line);
  if (error != std::errc() || place.line < 1) return std::nullopt;
  if (end == text.data() + text.size()) return place;
  if (*end != ':') return std::nullopt;
  const auto [last, wrong] = std::from_chars(end + 1, text.data() + text.size(), place.column);
  if (wrong != std::errc() || last != text.data() + text.size()) return std::nullopt;
  return place;
}

}  // namespace

std::string excerpt(std::string_view text, Place place) {
  const auto line = line_of(text, place.line);
  if (!line || trim(*line).empty()) return "";
  const std::size_t column = place.column > 0 ? static_cast<std::size_t>(place.column) - 1 : 0;
  std::size_t begin = 0;
  if (column > kMaxExcerptBytes / 2 && line->size() > kMaxExcerptBytes) begin = column - kMaxExcerptBytes / 2;
  while (begin < line->size() && inside_character((*line)[begin]))
    ++begin;
  std::size_t end = std::min(line->size(), begin + kMaxExcerptBytes);
  while (end < line->size() && inside_character((*line)[end]))
    ++end;
  std::string shown = begin > 0 ? "…" : "";
  std::string below = begin > 0 ? " " : "";
  for (std::size_t i = begin; i < end; ++i) {
    const char c = (*line)[i];
    // Tabs stay, on both lines: the caret then stands below its column however wide they are.
    shown += c == '\t' ? "\t" : (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) ? "?" : std::string(1, c);
    if (i < column && !inside_character(c)) below += c == '\t' ? '\t' : ' ';
  }
  if (end < line->size()) shown += "…";
  const std::string number = std::to_string(place.line);
  std::string out = fmt::format("  {} | {}", number, shown);
  if (place.column > 0 && column <= line->size()) out += fmt::format("\n  {:{}} | {}^", "", number.size(), below);
  return out;
}

std::string excerpt_of(const Error& error, std::string_view text, std::string_view name) {
  const std::string& place = error.place();
  if (name.empty() || place.size() <= name.size() + 1 || !place.starts_with(name) || place[name.size()] != ':')
    return "";
  const auto at = place_of(std::string_view(place).substr(name.size() + 1));
  return at ? excerpt(text, *at) : "";
}

}  // namespace scangate::dockerfile
