#pragma once
// The whole pipeline on a laptop: jobs in stage order in the same sandbox and behind the same gate as under the runner.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "executor/console/console.h"
#include "executor/engine/engine.h"
#include "executor/engine/logins.h"
#include "pipeline/ci/pipeline.h"

namespace scangate {

struct LocalRunRequest {
  std::filesystem::path project;                 // the folder with .gitlab-ci.yml
  std::vector<std::string> jobs;                 // names; empty: all that would run by themselves
  std::map<std::string, std::string> variables;  // --var
  std::filesystem::path output;                  // reports go to <output>/<job>/
};

// What the pipeline is read with: the commit's facts when `project` is a git work tree, --var on top. GitLab's branch
// name falls back to "main".
Result<ci::PipelineContext> local_context(const std::filesystem::path& project,
                                          const std::map<std::string, std::string>& variables);

// Reads the pipeline from the work tree (or from `revision` when it is not empty).
Result<ci::Pipeline> read_local_pipeline(const std::filesystem::path& project, const std::string& revision,
                                         const ci::PipelineContext& context);

// Each job works on a copy of the project, so nothing in `project` changes; what it declares as artifacts reaches later
// jobs. The job's own output goes to standard output. A job that cannot be run has failed, and the others go on. Gives
// the heaviest code of the jobs that may not fail. `logins`: of the engine's credentials; emptied before each job.
Result<ExitCode> run_pipeline(const LocalRunRequest& request, Engine& engine, const std::shared_ptr<Logins>& logins,
                              const Cancel& cancel, Console& console);

}  // namespace scangate
