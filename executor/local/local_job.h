#pragma once
// One job of a local run: described as GitLab would to a runner, then prepared and run by the runner's own code.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "executor/console/console.h"
#include "executor/engine/engine.h"
#include "executor/engine/logins.h"
#include "executor/local/local_artifacts.h"
#include "pipeline/ci/pipeline.h"

namespace scangate {

struct LocalJobRequest {
  const ci::Job& job;
  const ci::PipelineContext& context;
  std::filesystem::path project;                 // what it gets a copy of
  std::filesystem::path output;                  // its reports go to <output>/<job>/; not part of the copy
  std::vector<const LocalArtifacts*> inherited;  // of earlier jobs, in order
};

struct LocalJobResult {
  ExitCode code = ExitCode::failed;
  int script_code = 0;     // what its script ended with
  bool timed_out = false;  // `timeout:` had passed; then after_script did not run
  LocalArtifacts files;
  // What `allow_failure:exit_codes` and `retry:exit_codes` mean.
  int number() const { return code == ExitCode::failed && script_code != 0 ? script_code : exit_number(code); }
};

// `logins` serve the engine's requests; what is in them is replaced by the job's. Errors: the environment's, and those
// of a job that cannot be run; a script that fails or a stopped push is a result.
Result<LocalJobResult> run_local_job(const LocalJobRequest& request, Engine& engine,
                                     const std::shared_ptr<Logins>& logins, const Cancel& cancel, Console& console);

}  // namespace scangate
