#pragma once
// One script of a job, run in its sandbox with the gate beside it. Used by the runner's stages and by `scangate run`
// alike.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "executor/engine/engine.h"
#include "executor/engine/logins.h"
#include "executor/forward/job_gateway.h"
#include "executor/gate/image_commands.h"
#include "executor/job/job_sandbox.h"
#include "executor/services/services.h"
#include "scan/policy/policy.h"
#include "scan/report/report.h"

namespace scangate {

// What every script of a job has, the runner's own ones and the job's: no credential in its text, and the forwarder to
// reach GitLab.
struct ScriptStep {
  std::string text;                       // as the runner wrote it; sandboxes see it with placeholders
  JobScript script;                       // script_fd, gate_folder and further environment are filled in
  std::filesystem::path state_folder;     // of this job: gate folder and tool root are made in it
  std::shared_ptr<Broker> broker;         // never null; may be empty
  std::optional<ForwarderTarget> gitlab;  // absent: no GitLab server is known
};

// One of the runner's scripts (sources, caches, artifacts) with the host's tools. `runner_program`: where gitlab-runner
// is on this host; empty when it is not. Gives the script's exit code.
Result<int> run_helper_step(Engine& engine, ScriptStep step, const std::filesystem::path& runner_program,
                            const Cancel& cancel, Progress& progress);

struct JobStep {
  std::optional<ContainerImage> image;  // absent: the host's tool root
  std::vector<ServiceOrder> services;   // beside the script, from before it starts until it ends
  std::vector<std::string> gate_names;  // of services that the gate stands in for: its containers are found there
  ScriptStep script;
  GateContext context;  // `broker` is the script's
};

struct JobStepResult {
  ExitCode code = ExitCode::failed;  // what the job ends with
  int script_code = 0;               // what the script itself ended with
  std::vector<ScanResult> scans;
  std::vector<Remark> remarks;  // what builds said of Dockerfiles
};

// Errors: the environment's (no sandbox, no image), and the end on request. A script that fails or a stopped push is a
// result; so is a script that was ended after it scanned an image, with the code of what ended it.
Result<JobStepResult> run_job_step(Engine& engine, std::shared_ptr<Logins> logins, JobStep step, const Cancel& cancel,
                                   Progress& progress);

// What every report of ours says besides the results: the tool's version, and the policy's rules for JUnit's passing
// cases.
ReportOptions report_options(const Policy& policy);

// The version that reports and logs name.
std::string_view scangate_version();

}  // namespace scangate
