#pragma once
// The four calls of GitLab Runner's custom executor. gitlab-org/gitlab-runner, docs/executors/custom.md.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "executor/console/console.h"
#include "executor/engine/engine.h"
#include "executor/engine/logins.h"
#include "executor/runner/job_response.h"

namespace scangate {

// What the runner tells each call through the environment. Nothing of it can be set by a job's variables, which only
// come as CUSTOM_ENV_*.
struct RunnerCall {
  std::filesystem::path job_response_file;
  std::filesystem::path exit_code_file;               // may be empty
  int build_failure_code = 1;                         // BUILD_FAILURE_EXIT_CODE
  int system_failure_code = 2;                        // SYSTEM_FAILURE_EXIT_CODE
  std::filesystem::path temporary_folder;             // TMPDIR: the runner's folder of this job
  std::filesystem::path runner_program;               // gitlab-runner on the host's PATH; empty when it is not there
  std::optional<std::filesystem::path> state_folder;  // SCANGATE_JOB_STATE, from config's job_env
  std::string project_folder;  // CUSTOM_ENV_CI_PROJECT_DIR, which a job can set: never trusted to lie anywhere
};
Result<RunnerCall> read_runner_call(const std::vector<std::string>& environment);

// How a call ends, as the runner wants it: code 1..4 of our table become BUILD_FAILURE_EXIT_CODE with the number in
// BUILD_EXIT_CODE_FILE, 5 becomes SYSTEM_FAILURE_EXIT_CODE.
int runner_exit(const RunnerCall& call, ExitCode code, int script_code);

// The JSON for stdout: folders of this job, the driver's name, and the environment of the later calls. Makes the job's
// state folder.
Result<std::string> config_stage(const RunnerCall& call, const Settings& settings);

// `names_of`: see Settings.
using OpenEngine = std::function<Result<std::unique_ptr<Engine>>(std::shared_ptr<Logins>, const std::string& names_of)>;

// Pulls the job's image, checks its services. Repeatable: the runner calls it up to three times.
Result<void> prepare_stage(const RunnerCall& call, const OpenEngine& open_engine, const Cancel& cancel,
                           Console& progress);

struct StageResult {
  ExitCode code = ExitCode::done;
  int script_code = 0;
};
// One script: helper stages with the host's tools, the job's own scripts in its sandbox with the gate.
Result<StageResult> run_stage(const RunnerCall& call, const std::filesystem::path& script, const std::string& stage,
                              const OpenEngine& open_engine, const Cancel& cancel, Console& progress);

// Removes what the job left. Works without prepare, and when called twice.
Result<void> cleanup_stage(const RunnerCall& call, const Settings& settings);

}  // namespace scangate
