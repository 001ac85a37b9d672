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

// Control characters are replaced but for tabs, which stay, so that a caret stands below its column however wide they
// are.
std::string shown_characters(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '\t' ? "\t" : (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) ? "?" : std::string(1, c);
  return out;
}

// Where to cut a line so that no character is halved.
std::size_t cut_at(std::string_view line, std::size_t at) {
  at = std::min(at, line.size());
  while (at < line.size() && inside_character(line[at]))
    ++at;
  return at;
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
  begin = cut_at(*line, begin);
  const std::size_t end = cut_at(*line, begin + kMaxExcerptBytes);
  std::string shown = (begin > 0 ? "…" : "") + shown_characters(line->substr(begin, end - begin));
  std::string below = begin > 0 ? " " : "";
  for (std::size_t i = begin; i < std::min(end, column); ++i)
    if (!inside_character((*line)[i])) below += (*line)[i] == '\t' ? '\t' : ' ';
  if (end < line->size()) shown += "…";
  const std::string number = std::to_string(place.line);
  std::string out = fmt::format("  {} | {}", number, shown);
  if (place.column > 0 && column <= line->size()) out += fmt::format("\n  {:{}} | {}^", "", number.size(), below);
  return out;
}

std::string excerpt_lines(std::string_view text, int first, int last) {
  const int shown_last = std::min(last, first + kMaxExcerptLines - 1);
  const std::size_t width = std::to_string(shown_last).size();
  std::string out;
  for (int number = first; number <= shown_last; ++number) {
    const auto line = line_of(text, number);
    if (!line) break;
    const std::size_t end = cut_at(*line, kMaxExcerptBytes);
    out += fmt::format("{}  {:>{}} | >>> {}{}", out.empty() ? "" : "\n", number, width,
                       shown_characters(line->substr(0, end)), end < line->size() ? "…" : "");
  }
  if (!out.empty() && last > shown_last)
    out += fmt::format("\n  {:{}} | … {} more line{}", "", width, last - shown_last, last - shown_last == 1 ? "" : "s");
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
