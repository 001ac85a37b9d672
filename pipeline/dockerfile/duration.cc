#include "pipeline/dockerfile/duration.h"

#include <array>
#include <cstdint>

namespace scangate::dockerfile {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Longer names first, so that "ms" is not read as "m".
constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"\xC2\xB5s", 1'000},
                                      {"\xCE\xBCs", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000}}};

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds{0};
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    std::int64_t whole = 0;
    std::int64_t fraction = 0;
    std::int64_t scale = 1;
    bool digits = false;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
      if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, text[0] - '0', &whole))
        return std::nullopt;
      text.remove_prefix(1);
      digits = true;
    }
    if (text.starts_with('.')) {
      text.remove_prefix(1);
      while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
        // Past nine digits nothing changes at a resolution of nanoseconds of the units below.
        if (scale < 1'000'000'000) {
          fraction = fraction * 10 + (text[0] - '0');
          scale *= 10;
        }
        text.remove_prefix(1);
        digits = true;
      }
    }
    if (!digits) return std::nullopt;
    const Unit* unit = nullptr;
    for (const Unit& each : kUnits) {
      if (text.starts_with(each.name)) {
        unit = &each;
        break;
      }
    }
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    std::int64_t part = 0;
    if (__builtin_mul_overflow(whole, unit->nanoseconds, &part)) return std::nullopt;
    const auto rest = static_cast<std::int64_t>(static_cast<long double>(fraction) / static_cast<long double>(scale) *
                                                static_cast<long double>(unit->nanoseconds));
    if (__builtin_add_overflow(part, rest, &part) || __builtin_add_overflow(total, part, &total)) return std::nullopt;
  }
  return std::chrono::nanoseconds{total};
}

}  // namespace scangate::dockerfile
