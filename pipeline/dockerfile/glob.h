#pragma once
// Path patterns: Go's filepath.Match for COPY sources, and moby's patternmatcher for .dockerignore.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace scangate::dockerfile {

// filepath.Match has no `**`; there it means what `*` does.
enum class GlobFlavor { file_match, ignore };

// Compiled once; matching takes pattern size times path size steps at most, whatever the pattern.
class Glob {
 public:
  // Patterns longer than PATH_MAX match no path that can exist.
  static constexpr std::size_t kMaxBytes = 4096;
  // Errors: Fault::user for a bad class or an escape at the end.
  static Result<Glob> parse(std::string_view pattern, GlobFlavor flavor);
  bool matches(std::string_view path) const;
  // Whether it matches the path or one of the directories above it.
  bool matches_or_parent(std::string_view path) const;
  // Whether some path below the directory `path` can match.
  bool can_match_below(std::string_view path) const;
  bool has_wildcards() const { return wildcards_; }
  // The pattern with escapes removed: the path itself when there are no wildcards.
  const std::string& literal() const { return literal_; }

 private:
  enum class Kind {
    literal,
    one,      // ?
    star,     // * : anything but /
    folders,  // **/ : nothing, or anything that ends in /
    rest,     // ** at the end
    bracket,  // [a-z]
  };
  struct Token {
    Kind kind;
    std::string bytes;                                  // of a literal character
    std::vector<std::pair<char32_t, char32_t>> ranges;  // of a class
    bool negated = false;
  };
  // One state per token and an accepting last one; `at_folder` is called with those before each '/'.
  template <class AtFolder>
  std::vector<char> states_after(std::string_view path, AtFolder at_folder) const;
  void close(std::vector<char>& states) const;

  std::vector<Token> tokens_;
  std::string literal_;
  bool wildcards_ = false;
};

}  // namespace scangate::dockerfile
