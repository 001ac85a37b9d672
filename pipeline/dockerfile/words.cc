#include "pipeline/dockerfile/words.h"

#include "base/json/json.h"

namespace scangate::dockerfile {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

std::vector<Span> quoted_words(std::string_view text, char escape) {
  std::vector<Span> words;
  std::size_t i = 0;
  while (i < text.size()) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    Span word{"", i};
    char quote = 0;
    for (; i < text.size(); ++i) {
      const char c = text[i];
      if (quote == 0 && is_blank(c)) break;
      // An escape protects the next byte, except in single quotes; the last byte of the line escapes nothing.
      if (c == escape && quote != '\'') {
        if (i + 1 == text.size()) continue;
        word.text += c;
        word.text += text[++i];
        continue;
      }
      if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
      word.text += c;
    }
    if (!word.text.empty()) words.push_back(std::move(word));
  }
  return words;
}

std::vector<Span> plain_words(std::string_view text) {
  std::vector<Span> words;
  std::size_t i = 0;
  while (i < text.size()) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    const std::size_t start = i;
    while (i < text.size() && !is_blank(text[i]))
      ++i;
    words.push_back({std::string(text.substr(start, i - start)), start});
  }
  return words;
}

Flags leading_flags(std::string_view text) {
  Flags result;
  std::size_t i = 0;
  for (;;) {
    while (i < text.size() && is_blank(text[i]))
      ++i;
    result.rest = i;
    if (!text.substr(i).starts_with("--")) return result;
    Span word{"", i};
    char quote = 0;
    for (; i < text.size(); ++i) {
      char c = text[i];
      if (quote == 0 && is_blank(c)) break;
      if (quote == 0 && (c == '\'' || c == '"')) {
        quote = c;
        continue;
      }
      if (c == quote) {
        quote = 0;
        continue;
      }
      // Flags know the backslash only, whatever the escape directive says; that is how BuildKit reads them.
      if (c == '\\') {
        if (i + 1 == text.size()) continue;
        c = text[++i];
      }
      word.text += c;
    }
    if (word.text == "--") {
      while (i < text.size() && is_blank(text[i]))
        ++i;
      result.rest = i;
      return result;
    }
    result.flags.push_back(std::move(word));
  }
}

Result<std::optional<std::vector<std::string>>> json_words(std::string_view text) {
  std::size_t start = 0;
  while (start < text.size() && is_blank(text[start]))
    ++start;
  if (start == text.size() || text[start] != '[') return std::nullopt;
  auto json = parse_json(text.substr(start), "");
  if (!json || !json->is_array()) return std::nullopt;
  std::vector<std::string> words;
  for (const auto& item : *json) {
    if (!item.is_string()) return fail(Fault::user, "a JSON array here may hold strings only");
    words.push_back(item.get<std::string>());
  }
  return words;
}

Result<std::vector<Span>> csv_fields(std::string_view text) {
  std::vector<Span> fields;
  std::size_t i = 0;
  for (;;) {
    Span field{"", i};
    if (i < text.size() && text[i] == '"') {
      for (++i;; ++i) {
        if (i >= text.size()) return fail(Fault::user, "a quoted field has no closing quote");
        if (text[i] == '"') {
          if (i + 1 < text.size() && text[i + 1] == '"') {
            ++i;
          } else {
            ++i;
            break;
          }
        }
        field.text += text[i];
      }
      if (i < text.size() && text[i] != ',') return fail(Fault::user, "text follows a quoted field");
    } else {
      while (i < text.size() && text[i] != ',')
        field.text += text[i++];
    }
    fields.push_back(std::move(field));
    if (i >= text.size()) return fields;
    ++i;  // the comma
  }
}

}  // namespace scangate::dockerfile
