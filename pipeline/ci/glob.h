#pragma once
// The file patterns of `include:`, `changes:` and `exists:`, matched in linear time whatever the pattern.
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate::ci {

// Longer patterns are refused: no path they could match exists (PATH_MAX).
inline constexpr std::size_t kMaxGlobBytes = 4096;

// `*` and `?` stop at "/", `**/` spans any number of folders, `[a-z]`, `{a,b}`, and `\` takes the next character as it
// is; a leading dot is nothing special. GitLab: File.fnmatch with PATHNAME, DOTMATCH and EXTGLOB.
class Glob {
 public:
  // Fault::user when too long or with an unclosed bracket or brace.
  static Result<Glob> parse(std::string_view pattern);
  Glob(Glob&&) noexcept;
  Glob& operator=(Glob&&) noexcept;
  ~Glob();
  // The whole path, without a leading slash.
  bool matches(std::string_view path) const;
  // True when the text has a character that makes it a pattern.
  static bool is_pattern(std::string_view text);

 private:
  struct Compiled;
  explicit Glob(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace scangate::ci
