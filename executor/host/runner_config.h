#pragma once
// The `[[runners]]` section of gitlab-runner's config.toml that makes a runner call scangate. Keys:
// docs.gitlab.com/runner, "Advanced configuration", sections "[[runners]]" and "[runners.custom]".
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate {

// What a runner's section has to say to call this program.
struct ExecutorEntry {
  std::string program;                    // absolute path
  std::vector<std::string> global_words;  // before "executor": {"--config", "/etc/other.yaml"}
  std::string builds_dir;  // gitlab-runner demands both; our config stage gives each job folders of its own
  std::string cache_dir;
};

// Which runner. Nothing given: the one that calls scangate already.
struct RunnerChoice {
  std::string runner;  // name of one in the file, which keeps what it has; or
  std::string token;   // authentication token of one that is added, or updated when the file has it, with
  std::string url;     // the GitLab server, and
  std::string name;
};

enum class RegisterChange { added, updated, unchanged };

struct RegisteredConfig {
  std::string text;  // the whole file; equal to what was given when nothing changed
  RegisterChange change = RegisterChange::unchanged;
  std::string name;     // of the runner; may be empty
  std::string section;  // what the runner's section now says, our keys only, the token hidden
};

// Pure: text of a config.toml in, text out, other bytes as they were. Doing it again changes nothing. `place` is the
// file's name in errors. Errors: Fault::user for a file that is not understood (file:line:column), an unknown or
// ambiguous runner, a choice that lacks something.
Result<RegisteredConfig> register_runner(std::string_view config, std::string_view place, const ExecutorEntry& entry,
                                         const RunnerChoice& choice);

struct ConfiguredRunner {
  std::string name;
  std::string executor;
  std::string run_exec;  // empty: no [runners.custom]
  std::vector<std::string> run_args;
  int line = 0;
  // Whether run_exec is a program called scangate with our arguments.
  bool calls_scangate() const;
};
Result<std::vector<ConfiguredRunner>> configured_runners(std::string_view config, std::string_view place);

// Where gitlab-runner looks: /etc/gitlab-runner/config.toml as root, else ~/.gitlab-runner/config.toml. nullopt without
// a home.
std::optional<std::filesystem::path> default_runner_config(bool as_root, const std::optional<std::string>& home);

}  // namespace scangate
