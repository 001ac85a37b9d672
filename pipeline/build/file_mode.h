#pragma once
// --chmod of COPY and ADD: what it makes of a file's mode. Octal, or symbolic as POSIX.1-2017 chmod, "EXTENDED
// DESCRIPTION", has it; Dockerfile reference, "COPY --chmod".
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::build {

// "u+x,g+x,…" with more clauses than this says nothing new.
inline constexpr std::size_t kMaxModeBytes = 1'000;

class ModeChange {
 public:
  // Errors: Fault::user without place. No umask applies: "+x" is "a+x".
  static Result<ModeChange> parse(std::string_view text);
  enum class Kind { folder, other };
  // The mode (07777) of what has `mode` now.
  std::uint32_t apply(std::uint32_t mode, Kind kind) const;
  // The mode that was given as a number.
  std::optional<std::uint32_t> number() const { return number_; }

 private:
  // One operator with its permissions: of the bits in `who`, "=" first clears, then "+" sets and "-" takes away.
  struct Action {
    char op = '=';
    std::uint32_t who = 07777;  // bits that may change
    std::uint32_t bits = 0;     // rwxst of all three classes
    std::uint32_t copy = 0;     // 0700, 0070 or 0007: the permissions of that class are added to `bits`
    bool x_if_useful = false;   // X: x for folders and for files that have an x already
  };
  std::vector<Action> actions_;
  std::optional<std::uint32_t> number_;
};

}  // namespace scangate::build
