#include "scan/inventory/field_lines.h"

#include <algorithm>

#include "base/text.h"

namespace scangate::inventory {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// deb822(5): printable ASCII without blanks and colon.
bool is_field_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

bool same_field(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool FieldLines::next(FieldLine& line) {
  if (rest_.empty()) return false;
  const std::size_t end = rest_.find('\n');
  std::string_view text = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  line = {.number = ++number_};
  if (trim(text).empty()) return true;
  if (text.front() == ' ' || text.front() == '\t') {
    line.kind = FieldLine::Kind::continuation;
    line.value = trim(text);
    return true;
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !is_field_name(text.substr(0, colon))) {
    line.kind = FieldLine::Kind::other;
    line.value = text;
    return true;
  }
  line.kind = FieldLine::Kind::field;
  line.name = text.substr(0, colon);
  line.value = trim(text.substr(colon + 1));
  return true;
}

}  // namespace scangate::inventory
