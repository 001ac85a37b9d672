#pragma once
// When a rule holds: `if`, `changes`, `exists` of rules, and `only`/`except`.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/ci/config_files.h"
#include "pipeline/ci/context.h"
#include "pipeline/ci/glob.h"
#include "pipeline/ci/value.h"
#include "pipeline/ci/variables.h"

namespace scangate::ci {

// Patterns in one `changes:` or `exists:`; GitLab has the same.
inline constexpr std::size_t kMaxPatterns = 50;
// Comparisons of a pattern with a path in one pipeline; some seconds. GitLab gives up after 50,000 for each rule.
inline constexpr std::size_t kMaxPatternChecks = 50'000'000;

class Conditions {
 public:
  Conditions(ConfigFiles& files, const PipelineContext& context) : files_(files), context_(context) {}

  // `if`, `changes` and `exists` of `rule` together; what is absent holds. `where`: "jobs:build:rules".
  Result<bool> holds(const Value& rule, std::string_view where, const Variables& variables);
  // A job's `only`/`except`: nothing when it takes part, else the reason why not. `with_default_only`: without `only`,
  // a job takes part in branch and tag pipelines.
  Result<std::optional<std::string>> left_out_by_only(const Value& job, std::string_view name,
                                                      const Variables& variables, bool with_default_only);
  // All paths of the repository that a pattern matches.
  Result<std::vector<std::string>> paths_matching(const Glob& glob, const Place& place);

 private:
  Result<bool> if_holds(const Value& text, std::string_view where, const Variables& variables);
  Result<bool> any_path(const Value& patterns, std::string_view where, const Variables& variables,
                        const std::vector<std::string>& paths);
  Result<bool> changes(const Value& changes, std::string_view where, const Variables& variables);
  Result<bool> exists(const Value& exists, std::string_view where, const Variables& variables);
  Result<bool> ref_matches(const Value& ref, std::string_view where) const;
  Result<bool> policy_part(const Entry& part, std::string_view where, const Variables& variables);
  Result<const std::vector<std::string>*> all_files();
  Result<void> spend_checks(std::size_t count, const Place& place);

  ConfigFiles& files_;
  const PipelineContext& context_;
  std::optional<std::vector<std::string>> all_files_;
  std::size_t checks_ = 0;
};

}  // namespace scangate::ci
