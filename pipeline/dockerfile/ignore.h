#pragma once
// .dockerignore: docs.docker.com/build/concepts/context, "dockerignore files"; matching as moby's patternmatcher.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/dockerfile/glob.h"

namespace scangate::dockerfile {

// More rules than any project has; bounds rules x files.
inline constexpr std::size_t kMaxIgnoreRules = 10'000;
inline constexpr std::size_t kMaxIgnoreBytes = 1024 * 1024;

class IgnoreRules {
 public:
  IgnoreRules() = default;
  // `name` is for messages. Errors: Fault::user with name:line:1 for a bad pattern.
  static Result<IgnoreRules> parse(std::string_view text, std::string_view name);
  // The same rules from COPY --exclude patterns.
  static Result<IgnoreRules> from_patterns(const std::vector<std::string>& patterns);

  // `path` is relative to the context, '/'-separated, without "./". The last rule that holds for it decides: one that
  // matches it, or that was the last word on a folder above it.
  bool ignored(std::string_view path) const;
  // Whether an ignored directory need not be entered: no `!` rule can match below it.
  bool can_skip_below(std::string_view path) const;
  // Index into lines() of the rule that decides, -1 when none matches.
  int deciding_rule(std::string_view path) const;
  // Rules as they were understood ("!" kept).
  const std::vector<std::string>& patterns() const { return patterns_; }
  bool empty() const { return rules_.empty(); }

 private:
  struct Rule {
    Glob glob;
    bool keep = false;  // began with !
  };
  Result<void> add(std::string_view line);
  std::vector<Rule> rules_;
  std::vector<std::string> patterns_;
};

// Where to look, in this order, relative to the context: "<Dockerfile>.dockerignore", then ".dockerignore". The first
// one that exists is used alone.
std::vector<std::string> ignore_file_candidates(std::string_view dockerfile_path);

// Path without ".", "..", doubled and trailing slashes, as Go's path.Clean ("" becomes ".").
std::string clean_path(std::string_view path);

}  // namespace scangate::dockerfile
