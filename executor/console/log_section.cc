#include "executor/console/log_section.h"

#include <fmt/format.h>

#include <random>

#include "base/clock.h"
#include "base/text.h"

namespace scangate {
namespace {

// Back to the line's start and clear it: what shows a mark in a plain terminal shows only the title.
constexpr std::string_view kHide = "\r\x1b[0K";

long long seconds_now() {
  return SystemClock().now().time_since_epoch().count();
}

}  // namespace

LogSection::LogSection(Console& console, std::string_view name, std::string_view title)
    : console_(console), name_(name) {
  std::random_device random;
  name_ += fmt::format("_{:08x}", random());
  console_.mark(
      fmt::format("section_start:{}:{}[collapsed=true]{}{}\n", seconds_now(), name_, kHide, printable(title)));
}

LogSection::~LogSection() {
  console_.mark(fmt::format("section_end:{}:{}{}\n", seconds_now(), name_, kHide));
}

}  // namespace scangate
