#pragma once
// What a container says, line by line: the end of it is kept, and can be followed while it grows.
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.h"

namespace scangate {

// A line without an end is cut here, as docker cuts it: moby, daemon/logger/copier.go.
inline constexpr std::size_t kMaxContainerLogLine = 16U << 10U;

struct LogLine {
  Stream stream = Stream::out;
  std::chrono::system_clock::time_point at;
  std::string text;  // with its line end, unless the line was cut or never ended
};

// Thread-safe.
class ContainerLog {
 public:
  // Beyond `cap_bytes` the oldest lines are dropped.
  explicit ContainerLog(std::size_t cap_bytes) : cap_bytes_(cap_bytes) {}

  void append(Stream stream, std::string_view text);
  // What began and did not end becomes a line; readers that follow are told that nothing comes any more. reopen() takes
  // that back.
  void close();
  void reopen();

  // Lines from number `from` on, which is set to the next line's. Waits for one at most `wait` when there is none.
  // `over`: the log is closed and everything was given.
  std::vector<LogLine> read(std::uint64_t& from, std::chrono::milliseconds wait, bool& over);
  // The number from which on there are `count` lines.
  std::uint64_t last(std::uint64_t count) const;
  // Everything that is kept, unfinished lines included.
  std::string text() const;

 private:
  void add(Stream stream, std::string text);
  std::string& begun(Stream stream) { return begun_[stream == Stream::out ? 0 : 1]; }

  std::size_t cap_bytes_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<LogLine> lines_;
  std::uint64_t first_ = 0;  // number of lines_.front()
  std::size_t bytes_ = 0;
  std::string begun_[2];
  bool closed_ = false;
};

}  // namespace scangate
