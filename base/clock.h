#pragma once
// Wall time as a seam, so that ages, expiries and report times can be tested.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace scangate {

using TimePoint = std::chrono::sys_seconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }
};

class FixedClock final : public Clock {
 public:
  explicit FixedClock(TimePoint at) : at_(at) {}
  TimePoint now() const override { return at_; }

 private:
  TimePoint at_;
};

// RFC 3339 in UTC: "2026-11-21T10:00:00Z".
std::string format_rfc3339(TimePoint at);
// The same without the Z, as GitLab's security reports demand: "2026-11-21T10:00:00".
std::string format_utc_bare(TimePoint at);
// RFC 3339 with optional fraction and any offset, or a bare date "2026-11-21" (midnight UTC); nullopt when it is
// neither.
std::optional<TimePoint> parse_time(std::string_view text);

}  // namespace scangate
