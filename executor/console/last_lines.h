#pragma once
// The end of what programs said, kept for whoever shows it when they fail.
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "base/progress.h"

namespace scangate {

// A compiler's message, or a test's summary, is rarely longer.
inline constexpr std::size_t kLastLines = 15;

// Passes everything on and keeps the last lines of programs' output. Thread-safe.
class LastLines final : public Progress {
 public:
  // `next` outlives it.
  explicit LastLines(Progress& next) : next_(next) {}
  void line(Level level, std::string_view text) override { next_.line(level, text); }
  void bytes(std::string_view item, std::uint64_t done, std::uint64_t total) override {
    next_.bytes(item, done, total);
  }
  void output(std::string_view item, std::string_view text) override;

  // Says them again, as output of the same items; nothing when no program spoke.
  void repeat(Progress& to) const;

 private:
  struct Line {
    std::string item;
    std::string text;  // with its line end, once it has one
  };
  Progress& next_;
  mutable std::mutex mutex_;
  std::deque<Line> lines_;
};

}  // namespace scangate
