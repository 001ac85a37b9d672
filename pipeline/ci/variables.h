#pragma once
// Variables of a job and how `$NAME` is expanded in them.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/ci/value.h"

namespace scangate::ci {

// A value cannot be longer in a process's environment (Linux MAX_ARG_STRLEN), so no expansion may be either.
inline constexpr std::size_t kMaxVariableBytes = 128U << 10U;
// All values of one job together: execve's usual limit for the whole environment.
inline constexpr std::size_t kMaxVariablesBytes = 2U << 20U;

// Who set a variable, weakest first: a later one wins over an earlier one.
// https://docs.gitlab.com/ci/variables/#cicd-variable-precedence
enum class VariableOrigin : std::uint8_t {
  predefined,  // CI_*, GITLAB_*
  global,      // top-level `variables:`
  workflow,    // `workflow:rules:variables`
  job,         // the job's `variables:`
  matrix,      // `parallel:matrix`
  rule,        // the `rules:variables` of the rule that matched
  project,     // set in GitLab's settings of project, group or instance
  pipeline,    // given for this one pipeline: manual run, trigger, schedule, command line
};
std::string_view name_of(VariableOrigin origin);

struct Variable {
  std::string name;
  std::string written;  // before expansion
  std::string value;    // after it; unknown variables are empty, as the runner has them
  // Names that were not known when expanding `value`, e.g. secrets which only the runner has.
  std::vector<std::string> unknown;
  bool expand = true;  // false: `expand: false` (GitLab's "raw"), taken as it is
  VariableOrigin origin = VariableOrigin::job;
  Place place;  // of the value; empty for predefined ones
};

// A piece of an expanded text: known text, or the name of a variable nobody knows yet.
struct TextPart {
  std::string text;
  bool known = true;
  bool operator==(const TextPart&) const = default;
};

class Variables {
 public:
  // Replaces a variable of the same or a weaker origin. Values are expanded by expand_all().
  void set(Variable variable);
  void set(std::string name, std::string value, VariableOrigin origin);
  // Gives every variable its `value`, in order of dependence. Variables that refer to each other in a circle keep what
  // is written. Fault::user when a value or their sum grows beyond the limits above.
  Result<void> expand_all();

  const Variable* find(std::string_view name) const;
  // By name.
  const std::map<std::string, Variable, std::less<>>& all() const { return variables_; }
  // `$NAME`, `${NAME}` replaced by values (after expand_all), `$$` by `$`; unknown ones become empty.
  // Fault::user when the text grows beyond kMaxVariablesBytes.
  Result<std::string> expand(std::string_view text) const;
  // The same, keeping what is not known apart. Adjacent known pieces are one. For texts of a
  // line or two: not bounded but by the text times kMaxVariableBytes.
  std::vector<TextPart> expand_parts(std::string_view text) const;

 private:
  std::map<std::string, Variable, std::less<>> variables_;
};

// The names referred to in a text by `$NAME` or `${NAME}`.
std::set<std::string> names_in(std::string_view text);

}  // namespace scangate::ci
