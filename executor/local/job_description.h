#pragma once
// A job of `.gitlab-ci.yml` described as GitLab describes it to a runner, so that everything after it is the runner's
// own code.
#include <string>
#include <vector>

#include "executor/runner/job_response.h"
#include "pipeline/ci/pipeline.h"

namespace scangate {

// What CI_BUILDS_DIR is in every job; its project lies below, as in GitLab Runner's docker executor.
inline constexpr const char* kLocalBuildsFolder = "/builds";
// "/builds/group/app"
std::string local_project_folder(const ci::PipelineContext& context);

// Registry credentials, job token and GitLab server are those of the person who runs it: the pipeline's own variables
// (`--var`) and the commit's origin, never the YAML. Images are pulled when they are not here, unless the YAML says
// otherwise: a person's own machine has what he imported or built.
JobResponse describe_job(const ci::Job& job, const ci::PipelineContext& context);

// The bash text of a job's script as GitLab Runner would run it: variables exported, each command shown before it runs,
// stop at the first failure.
std::string job_script_text(const JobResponse& job, const std::vector<ci::ScriptLine>& lines,
                            const std::string& project_folder);

}  // namespace scangate
