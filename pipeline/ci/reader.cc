#include "pipeline/ci/reader.h"

#include <array>
#include <charconv>
#include <span>

#include "base/text.h"
#include "pipeline/ci/keywords.h"
#include "pipeline/ci/pipeline.h"

namespace scangate::ci {
namespace {

Result<void> flatten(const Value& list, std::string_view where, int depth, std::vector<std::string>& out) {
  for (const Value& item : list.items) {
    if (item.is_list()) {
      if (depth == kMaxScriptNesting)
        return fail(
            error_at(item.place, fmt::format("{}: lists nested deeper than {} levels", where, kMaxScriptNesting)));
      SCANGATE_CHECK(flatten(item, where, depth + 1, out));
    } else if (item.is_scalar()) {
      out.push_back(item.text);
    } else {
      return fail(wrong_type(item, where, "a list of strings"));
    }
  }
  return {};
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name)
    if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) return false;
  return true;
}

Result<void> read_variable(const Entry& entry, std::string_view where, VariableOrigin origin, Variables& into) {
  Variable variable;
  variable.name = entry.key;
  variable.origin = origin;
  variable.place = entry.value.place;
  const std::string path = fmt::format("{}:{}", where, printable(entry.key));
  if (!is_variable_name(entry.key))
    return fail(
        error_at(entry.key_place, fmt::format("{}: '{}' is no name for a variable", where, printable(entry.key)))
            .remedy("use letters, digits and _"));
  if (entry.value.is_map()) {
    static const std::array<std::string, 4> kKeys = {"value", "description", "options", "expand"};
    SCANGATE_CHECK(check_keys(entry.value, kKeys, path));
    if (const Value* value = entry.value.get("value")) {
      SCANGATE_TRY(variable.written, read_text(*value, path + ":value"));
      variable.place = value->place;
    }
    if (const Value* expand = entry.value.get("expand")) {
      SCANGATE_TRY(variable.expand, read_bool(*expand, path + ":expand"));
    }
  } else if (entry.value.is_scalar()) {
    variable.written = entry.value.text;
  } else if (!entry.value.is_null()) {
    return fail(wrong_type(entry.value, path, "a string, or a map with 'value'"));
  }
  variable.value = variable.written;
  into.set(std::move(variable));
  return {};
}

}  // namespace

Error wrong_type(const Value& value, std::string_view where, std::string_view expected) {
  return error_at(value.place, fmt::format("{}: expected {}, found {}", printable(where), expected, value.kind_name()));
}

std::string job_path(std::string_view job, std::string_view key) {
  return fmt::format("jobs:{}:{}", printable(job), key);
}

Result<std::string> read_text(const Value& value, std::string_view where) {
  if (!value.is_scalar()) return fail(wrong_type(value, where, "a string"));
  return value.text;
}

Result<bool> read_bool(const Value& value, std::string_view where) {
  if (!value.is_bool()) return fail(wrong_type(value, where, "true or false"));
  return value.is_true();
}

Result<std::int64_t> read_integer(const Value& value, std::string_view where, std::int64_t least, std::int64_t most) {
  std::int64_t number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [stop, code] = std::from_chars(value.text.data(), end, number);
  if (!value.is_scalar() || code != std::errc{} || stop != end || number < least || number > most)
    return fail(
        error_at(value.place, fmt::format("{}: expected a whole number from {} to {}", printable(where), least, most)));
  return number;
}

Result<std::vector<std::string>> read_texts(const Value& value, std::string_view where) {
  if (!value.is_list()) return fail(wrong_type(value, where, "a list of strings"));
  std::vector<std::string> out;
  SCANGATE_CHECK(flatten(value, where, 0, out));
  return out;
}

Result<std::vector<std::string>> read_text_or_texts(const Value& value, std::string_view where) {
  if (value.is_scalar()) return std::vector<std::string>{value.text};
  return read_texts(value, where);
}

Result<std::string> read_word(const Value& value, std::string_view where, std::span<const std::string> words) {
  SCANGATE_TRY(std::string text, read_text(value, where));
  std::string list;
  for (const std::string& word : words) {
    if (word == text) return text;
    list += (list.empty() ? "" : ", ") + word;
  }
  Error error =
      error_at(value.place, fmt::format("{}: '{}' is not one of {}", printable(where), printable(text), list));
  if (const auto like = nearest(text, words))
    return fail(std::move(error).remedy(fmt::format("did you mean '{}'?", *like)));
  return fail(std::move(error));
}

Result<void> expect_map(const Value& value, std::string_view where) {
  if (!value.is_map()) return fail(wrong_type(value, where, "a map"));
  return {};
}

Result<std::int64_t> read_duration(const Value& value, std::string_view where) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 7> kUnits = {
      {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}, {"mo", 2'592'000}, {"y", 31'557'600}}};
  SCANGATE_TRY(const std::string text, read_text(value, where));
  const auto refuse = [&] {
    return fail(error_at(value.place, fmt::format("{}: '{}' is no duration", printable(where), printable(text)))
                    .remedy("write it like '1h 30m' or '90 minutes'"));
  };
  const auto unit_of = [&](std::string_view word) -> std::int64_t {
    if (word.empty()) return 1;
    std::string_view key = word.substr(0, 1);
    if (word.starts_with("mo")) key = "mo";
    static constexpr std::array<std::string_view, 28> kNames = {
        "s",    "sec",   "secs", "second", "seconds", "m", "min",  "mins", "minute", "minutes",
        "h",    "hr",    "hrs",  "hour",   "hours",   "d", "day",  "days", "w",      "wk",
        "week", "weeks", "mo",   "month",  "months",  "y", "year", "years"};
    if (std::find(kNames.begin(), kNames.end(), word) == kNames.end()) return 0;
    for (const auto& [name, seconds] : kUnits)
      if (name == key) return seconds;
    return 0;
  };
  // Ten years: far beyond any artifact's or job's life, and no sum overflows.
  constexpr std::int64_t kMost = 315'576'000;
  std::int64_t total = 0;
  std::string_view rest = trim(text);
  if (rest.empty()) return refuse();
  while (!rest.empty()) {
    std::int64_t number = 0;
    const auto [stop, code] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (code != std::errc{} || number < 0 || number > kMost) return refuse();
    rest = trim(rest.substr(static_cast<std::size_t>(stop - rest.data())));
    std::size_t end = 0;
    while (end < rest.size() && ((rest[end] >= 'a' && rest[end] <= 'z') || (rest[end] >= 'A' && rest[end] <= 'Z')))
      ++end;
    const std::int64_t unit = unit_of(to_lower(rest.substr(0, end)));
    if (unit == 0 || number > kMost / unit) return refuse();
    total += number * unit;
    if (total > kMost) return refuse();
    rest = trim(rest.substr(end));
    if (rest.starts_with(',')) rest = trim(rest.substr(1));
    if (rest.starts_with("and ")) rest = trim(rest.substr(4));
  }
  return total;
}

Result<void> read_variables(const Value& map, std::string_view where, VariableOrigin origin, Variables& into) {
  SCANGATE_CHECK(expect_map(map, where));
  for (const Entry& entry : map.entries)
    SCANGATE_CHECK(read_variable(entry, where, origin, into));
  return {};
}

Result<std::string> Expander::operator()(std::string_view text, const Place& place) const {
  auto expanded = variables_.expand(text);
  if (!expanded) return fail(std::move(expanded.error()).at(place.str()));
  SCANGATE_CHECK(budget_.spend_bytes(expanded->size(), place));
  return expanded;
}

Result<void> Expander::operator()(std::vector<std::string>& texts, const Place& place) const {
  for (std::string& text : texts) {
    SCANGATE_TRY(text, (*this)(text, place));
  }
  return {};
}

}  // namespace scangate::ci
