#pragma once
// Progress for people: bars on a terminal, lines in a log, JSON lines for programs.
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/progress.h"

namespace scangate {

enum class ConsoleMode {
  plain,
  tty,
  json,
  quiet,
  job,  // plain, for the log of a GitLab job: with its sections
};

// Writes to `fd`, which stays the caller's. Thread-safe. A reader that goes away is ignored: work does not stop for
// want of an audience.
class Console final : public Progress {
 public:
  Console(int fd, ConsoleMode mode, Level lowest = Level::info);
  ~Console() override;
  void line(Level level, std::string_view text) override;
  void bytes(std::string_view item, std::uint64_t done, std::uint64_t total) override;
  void output(std::string_view item, std::string_view text) override;
  // Control text of a job's log, as it is and on a line of its own; nothing in other modes. See LogSection.
  void mark(std::string_view raw);
  ConsoleMode mode() const { return mode_; }

 private:
  using SteadyClock = std::chrono::steady_clock;
  struct Transfer {
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    SteadyClock::time_point told;
  };
  void put(std::string_view text);
  void draw();
  void wipe();

  int fd_;
  ConsoleMode mode_;
  Level lowest_;
  std::mutex mutex_;
  std::map<std::string, Transfer, std::less<>> transfers_;
  std::map<std::string, std::string, std::less<>> partial_;  // output without its line end yet
  std::size_t drawn_lines_ = 0;
  SteadyClock::time_point last_draw_;
};

// tty when `fd` is a terminal that can move its cursor (TERM set and not "dumb"), else plain.
ConsoleMode detect_console_mode(int fd, std::string_view term);

}  // namespace scangate
