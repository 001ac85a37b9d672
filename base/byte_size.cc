#include "base/byte_size.h"

#include <charconv>
#include <string>

#include "base/text.h"

namespace scangate {

std::optional<std::uint64_t> parse_byte_size(std::string_view text) {
  const std::string lower = to_lower(text);
  double number = 0;
  const auto [end, error] =
      std::from_chars(lower.data(), lower.data() + lower.size(), number, std::chars_format::fixed);
  if (error != std::errc() || number < 0 || end == lower.data()) return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(lower.data() + lower.size() - end));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  double factor = 1;
  constexpr std::string_view kUnits = "kmgtp";
  if (!unit.empty() && unit != "b") {
    const std::size_t power = kUnits.find(unit.front());
    const std::string_view rest = unit.substr(1);
    if (power == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib")) return std::nullopt;
    for (std::size_t i = 0; i <= power; ++i)
      factor *= 1024;
  }
  // 2^63: what a double can hold of 64 bits ends above it, and no memory does.
  const double bytes = number * factor;
  if (!(bytes < 9223372036854775808.0)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace scangate
