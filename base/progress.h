#pragma once
// What long work tells while it runs. Rooms below executor/ never print; they speak through this.
#include <cstdint>
#include <string>
#include <string_view>

namespace scangate {

enum class Level { debug, info, warning };

// Implementations are thread-safe.
class Progress {
 public:
  virtual ~Progress() = default;
  // One finished line for people, without a line end: "step 3/7 RUN apt-get update".
  virtual void line(Level level, std::string_view text) = 0;
  // Bytes of a running transfer or step; `item` is stable ("layer 1a2b3c4d5e6f"), total 0 when unknown. Cheap; may be
  // called often.
  virtual void bytes(std::string_view item, std::uint64_t done, std::uint64_t total) = 0;
  // Raw output of a program that the work runs (a RUN step), in pieces as they come.
  virtual void output(std::string_view item, std::string_view text) = 0;
};

class NoProgress final : public Progress {
 public:
  void line(Level, std::string_view) override {}
  void bytes(std::string_view, std::uint64_t, std::uint64_t) override {}
  void output(std::string_view, std::string_view) override {}
};

}  // namespace scangate
