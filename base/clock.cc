#include "base/clock.h"

#include <fmt/format.h>

#include <charconv>

namespace scangate {
namespace {

std::optional<int> number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits || text[0] == '-') return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string format_utc_bare(TimePoint at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

std::string format_rfc3339(TimePoint at) {
  return format_utc_bare(at) + "Z";
}

std::optional<TimePoint> parse_time(std::string_view text) {
  using namespace std::chrono;
  const auto y = number(text, 4);
  if (!y || !take(text, "-")) return std::nullopt;
  const auto m = number(text, 2);
  if (!m || !take(text, "-")) return std::nullopt;
  const auto d = number(text, 2);
  if (!d) return std::nullopt;
  const year_month_day date(year(*y), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d)));
  if (!date.ok()) return std::nullopt;
  TimePoint at = sys_days(date);
  if (text.empty()) return at;
  if (!take(text, "Tt ")) return std::nullopt;
  const auto hour = number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const auto minute = number(text, 2);
  if (!minute || *minute > 59 || !take(text, ":")) return std::nullopt;
  const auto second = number(text, 2);
  if (!second || *second > 60) return std::nullopt;
  at += hours(*hour) + minutes(*minute) + seconds(*second);
  if (take(text, ".")) {
    if (!number(text, 1)) return std::nullopt;
    while (number(text, 1)) {
    }
  }
  if (text.empty() || take(text, "Zz")) return text.empty() ? std::optional(at) : std::nullopt;
  const bool east = text[0] == '+';
  if (!take(text, "+-")) return std::nullopt;
  const auto offset_hours = number(text, 2);
  if (!offset_hours) return std::nullopt;
  take(text, ":");
  const auto offset_minutes = number(text, 2);
  if (!offset_minutes || !text.empty()) return std::nullopt;
  const auto offset = hours(*offset_hours) + minutes(*offset_minutes);
  return east ? at - offset : at + offset;
}

}  // namespace scangate
