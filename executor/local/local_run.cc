#include "executor/local/local_run.h"

#include <algorithm>

#include "base/text.h"
#include "executor/local/job_description.h"
#include "executor/local/job_order.h"
#include "executor/local/local_job.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr const char* kConfigFile = ".gitlab-ci.yml";

Result<void> check_names(const ci::Pipeline& pipeline, const std::vector<std::string>& wanted) {
  for (const auto& name : wanted) {
    if (pipeline.find(name) != nullptr) continue;
    std::vector<std::string> known;
    for (const auto& job : pipeline.jobs)
      known.push_back(job.name);
    const auto near = nearest(name, known);
    return fail(
        Error(Fault::user, fmt::format("no job '{}' in this pipeline", name))
            .remedy(near ? fmt::format("did you mean '{}'?", *near) : fmt::format("jobs: {}", fmt::join(known, ", "))));
  }
  return {};
}

bool is_retried(const ci::Retry& retry, const LocalJobResult& result) {
  const auto& codes = retry.exit_codes;
  if (std::find(codes.begin(), codes.end(), result.number()) != codes.end()) return true;
  if (retry.when.empty()) return codes.empty();
  const char* reason = result.timed_out                       ? "job_execution_timeout"
                       : result.code == ExitCode::environment ? "runner_system_failure"
                                                              : "script_failure";
  return std::any_of(retry.when.begin(), retry.when.end(),
                     [&](const std::string& when) { return when == "always" || when == reason; });
}

class LocalRun {
 public:
  LocalRun(const LocalRunRequest& request, const ci::PipelineContext& context, const ci::Pipeline& pipeline,
           Engine& engine, std::shared_ptr<Logins> logins, const Cancel& cancel, Console& console)
      : request_(request),
        context_(context),
        pipeline_(pipeline),
        engine_(engine),
        logins_(std::move(logins)),
        cancel_(cancel),
        console_(console) {}

  // The code that counts: `done` for a failure that is allowed. Errors: only when all is to stop.
  Result<ExitCode> run_job(const ci::Job& job) {
    const LocalJobRequest order{.job = job,
                                .context = context_,
                                .project = request_.project,
                                .output = request_.output,
                                .inherited = inherited(job)};
    LocalJobResult result;
    for (int attempt = 0;; ++attempt) {
      if (cancel_.cancelled()) return fail(cancelled_error());
      console_.line(Level::info, attempt == 0 ? fmt::format("job {} ({})", job.name, job.stage)
                                              : fmt::format("job {} ({}), retry {}", job.name, job.stage, attempt));
      auto ran = run_local_job(order, engine_, logins_, cancel_, console_);
      if (cancel_.cancelled()) return fail(cancelled_error());
      if (ran) {
        result = std::move(*ran);
      } else {
        console_.line(Level::warning, ran.error().text());
        result = {.code = exit_code_of(ran.error())};
      }
      if (result.code == ExitCode::done || attempt >= job.retry.max || !is_retried(job.retry, result)) break;
    }
    const auto& codes = job.allow_failure.exit_codes;
    const bool allowed =
        job.allow_failure.allowed || std::find(codes.begin(), codes.end(), result.number()) != codes.end();
    console_.line(Level::info,
                  fmt::format("job {}: {}", job.name,
                              result.code == ExitCode::done ? "passed"
                                                            : fmt::format("failed with exit code {}{}", result.number(),
                                                                          allowed ? " (allowed)" : "")));
    files_.insert_or_assign(job.name, std::move(result.files));
    return allowed ? ExitCode::done : result.code;
  }

 private:
  std::vector<const LocalArtifacts*> inherited(const ci::Job& job) {
    std::vector<const LocalArtifacts*> out;
    for (const auto& name : jobs_to_inherit_from(pipeline_, job)) {
      const auto found = files_.find(name);
      if (found != files_.end())
        out.push_back(&found->second);
      else if (job.needs || job.dependencies)
        console_.line(Level::warning,
                      fmt::format("job {}: '{}' has not run here: there is nothing of it", job.name, name));
    }
    return out;
  }

  const LocalRunRequest& request_;
  const ci::PipelineContext& context_;
  const ci::Pipeline& pipeline_;
  Engine& engine_;
  std::shared_ptr<Logins> logins_;
  const Cancel& cancel_;
  Console& console_;
  std::map<std::string, LocalArtifacts, std::less<>> files_;  // of the jobs that ran
};

}  // namespace

Result<ci::PipelineContext> local_context(const fs::path& project,
                                          const std::map<std::string, std::string>& variables) {
  ci::PipelineContext context;
  std::error_code ignored;
  if (!fs::is_directory(project, ignored)) return fail(Fault::user, fmt::format("{} is no folder", project.string()));
  if (fs::exists(project / ".git", ignored)) {
    SCANGATE_TRY(const auto facts, ci::facts_of_commit(project, "HEAD"));
    context = ci::context_of_commit(facts);
  }
  if (context.branch.empty() && context.tag.empty()) context.branch = "main";
  if (context.default_branch.empty()) context.default_branch = "main";
  if (context.project_path.empty())
    context.project_path = "local/" + fs::absolute(project).lexically_normal().filename().string();
  const auto given = [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
  if (const auto registry = given("CI_REGISTRY"); !registry.empty()) context.registry = registry;
  if (const auto image = given("CI_REGISTRY_IMAGE"); !image.empty()) context.registry_image = image;
  context.pipeline_variables = variables;
  return context;
}

Result<ci::Pipeline> read_local_pipeline(const fs::path& project, const std::string& revision,
                                         const ci::PipelineContext& context) {
  if (!revision.empty()) {
    SCANGATE_TRY(auto files, ci::files_of_commit(project, revision));
    return ci::read_pipeline(*files, kConfigFile, context);
  }
  SCANGATE_TRY(auto files, ci::files_of_directory(project));
  return ci::read_pipeline(*files, kConfigFile, context);
}

Result<ExitCode> run_pipeline(const LocalRunRequest& request, Engine& engine, const std::shared_ptr<Logins>& logins,
                              const Cancel& cancel, Console& console) {
  SCANGATE_TRY(auto context, local_context(request.project, request.variables));
  context.project_dir = local_project_folder(context);
  SCANGATE_TRY(const auto pipeline, read_local_pipeline(request.project, "", context));
  for (const auto& warning : pipeline.warnings)
    console.line(Level::warning, warning.place.str() + ": " + warning.text);
  if (pipeline.not_created) {
    console.line(Level::info, "no pipeline: " + *pipeline.not_created);
    return ExitCode::done;
  }
  SCANGATE_CHECK(check_names(pipeline, request.jobs));
  LocalRun run(request, context, pipeline, engine, logins, cancel, console);
  ExitCode worst = ExitCode::done;
  JobEnds ends;
  for (const ci::Job* job : jobs_in_order(pipeline, request.jobs)) {
    const bool named = std::find(request.jobs.begin(), request.jobs.end(), job->name) != request.jobs.end();
    if (!named && !takes_part(pipeline, *job, ends)) {
      console.line(Level::info,
                   fmt::format("job {} ({}): not run, when: {}", job->name, job->stage, ci::name_of(job->when)));
      ends[job->name] = JobEnd::not_run;
      continue;
    }
    SCANGATE_TRY(const ExitCode code, run.run_job(*job));
    ends[job->name] = code == ExitCode::done ? JobEnd::passed : JobEnd::failed;
    worst = std::max(worst, code);
  }
  return worst;
}

}  // namespace scangate
