#pragma once
// `.gitlab-ci.yml` to resolved jobs: includes, extends, references, defaults, rules and variables applied. Everything a
// job needs is in its Job; nothing refers back to the YAML but the places for messages.
//
//   auto files = files_of_commit(".", "HEAD");
//   auto pipeline = read_pipeline(**files, ".gitlab-ci.yml", context_of_commit(*facts));
//   for (const Job& job : pipeline->jobs) …
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pipeline/ci/config_files.h"
#include "pipeline/ci/context.h"
#include "pipeline/ci/value.h"
#include "pipeline/ci/variables.h"

namespace scangate::ci {

// Files a configuration may be made of; GitLab's default for ci_max_includes.
inline constexpr std::size_t kMaxIncludes = 150;
// Ancestors by `extends`; deeper is "nesting too deep" in GitLab (Extendable::Entry::MAX_NESTING_LEVELS).
inline constexpr int kMaxExtendsDepth = 10;
// `!reference` within what a reference gave, and lists within lists in scripts; GitLab has 10 for both.
inline constexpr int kMaxReferenceDepth = 10;
inline constexpr int kMaxScriptNesting = 10;
// Jobs after `parallel:` is unfolded. GitLab.com stops at 2000 in its largest plan.
inline constexpr std::size_t kMaxJobs = 5000;
// `parallel: N` and the combinations of a matrix; GitLab has the same.
inline constexpr int kMaxParallel = 200;
// `needs:` of one job; GitLab's default.
inline constexpr std::size_t kMaxNeeds = 50;

// One command as it will be given to the shell: not expanded, the shell does that. May hold several lines.
struct ScriptLine {
  std::string text;
  Place place;
};

struct Image {
  std::string name;     // variables expanded
  std::string written;  // as in the YAML
  std::vector<std::string> entrypoint;
  bool has_entrypoint = false;  // `entrypoint: [""]` differs from none
  std::vector<std::string> pull_policy;
  std::string platform;  // docker:platform
  std::string user;      // docker:user
  Place place;
};

struct Service {
  Image image;
  std::string alias;
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> variables;
};

enum class When : std::uint8_t { on_success, on_failure, always, manual, delayed, never };
std::string_view name_of(When when);

struct Artifacts {
  std::string name;
  std::vector<std::string> paths;
  std::vector<std::string> exclude;
  bool untracked = false;
  std::string when = "on_success";  // or on_failure, always
  std::string expire_in;            // "1 week"
  std::string expose_as;
  std::string access;  // "all", "developer", "none"; empty when not said
  // ("junit", paths), …, in the order written
  std::vector<std::pair<std::string, std::vector<std::string>>> reports;
  Place place;
};

struct Cache {
  std::string key = "default";  // expanded
  std::vector<std::string> key_files;
  std::string key_prefix;
  std::vector<std::string> paths;
  std::vector<std::string> fallback_keys;
  std::string policy = "pull-push";
  std::string when = "on_success";
  bool untracked = false;
  Place place;
};

struct Need {
  std::string job;  // a name in Pipeline::jobs
  bool artifacts = true;
  bool optional = false;
  Place place;
};

struct Retry {
  int max = 0;
  std::vector<std::string> when;
  std::vector<int> exit_codes;
};

struct AllowFailure {
  bool allowed = false;         // any failure
  std::vector<int> exit_codes;  // or only these
};

struct Job {
  std::string name;       // unique; "test: [a, b]" or "test 1/3" when unfolded from `parallel:`
  std::string base_name;  // the key in the YAML
  std::string stage;
  Place place;  // of the key
  std::vector<ScriptLine> before_script;
  std::vector<ScriptLine> script;  // before_script and script run in one shell
  std::vector<ScriptLine> after_script;
  std::optional<Image> image;
  std::vector<Service> services;
  Variables variables;  // all that is known of them, expanded
  std::optional<Artifacts> artifacts;
  std::vector<Cache> caches;
  // Nothing: waits for all earlier stages. Empty: starts at once.
  std::optional<std::vector<Need>> needs;
  std::optional<std::vector<std::string>> dependencies;  // whose artifacts it wants; nothing: of all earlier jobs
  When when = When::on_success;
  std::string start_in;  // with When::delayed
  AllowFailure allow_failure;
  Retry retry;
  std::optional<std::int64_t> timeout_seconds;
  std::vector<std::string> tags;
  std::string environment;  // name, expanded
  std::string resource_group;
  bool interruptible = false;
  bool trigger = false;    // starts another pipeline and has no script
  int parallel_index = 0;  // from 1, with parallel_total
  int parallel_total = 0;
};

// Something that is accepted but does nothing here, or reads differently than its author may think.
struct Warning {
  Place place;
  std::string text;
};

struct Pipeline {
  std::string name;                 // workflow:name, expanded
  std::vector<std::string> stages;  // in order, with .pre and .post
  std::vector<Job> jobs;            // those that take part: by stage, then as written
  // Jobs that `rules:` or `only:` leave out, with the reason.
  std::vector<std::pair<std::string, std::string>> left_out;
  // Why GitLab would create no pipeline (workflow:rules, no jobs); then `jobs` is empty.
  std::optional<std::string> not_created;
  std::vector<std::string> files;  // read, in order; the first is the root
  std::vector<Warning> warnings;

  const Job* find(std::string_view name) const;
};

// Reads `path` and what it includes, and resolves the jobs for this context.
// Errors, all with the place in the YAML: Fault::user for anything wrong in the files, with GitLab's rule and what
// would be right; kinds of include and keywords that are not served say "not supported yet". Fault::host when files
// cannot be read.
Result<Pipeline> read_pipeline(ConfigFiles& files, const std::string& path, const PipelineContext& context);

// The whole of it as JSON text, for support and tests. Key order is stable.
std::string debug_json(const Pipeline& pipeline);

}  // namespace scangate::ci
