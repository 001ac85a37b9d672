#pragma once
// Regular expressions of the configuration, on RE2: linear time, also for hostile ones. GitLab's server uses RE2 for
// the same reason, so what it accepts is the same.
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate::ci {

// Bytes of compiled program per expression; RE2's own default is 8 MB, and a pipeline may hold thousands.
inline constexpr int kMaxRegexMemoryBytes = 1 << 20;

class Regex {
 public:
  enum class Anchor { none, both };
  // A bare RE2 expression.
  static Result<Regex> compile(std::string_view expression, Anchor anchor = Anchor::none);
  // Written between slashes with flags, as in `/^v\d+$/i`. Flags: i (ignore case), s, m, U. Matches anywhere.
  static Result<Regex> parse_slashed(std::string_view text);
  static bool is_slashed(std::string_view text);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();
  bool matches(std::string_view text) const;

 private:
  struct Compiled;
  explicit Regex(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
  Anchor anchor_ = Anchor::none;
};

}  // namespace scangate::ci
