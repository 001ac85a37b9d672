#include "executor/local/local_run.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "executor/session/job_reports.h"
#include "executor/session/job_step.h"
#include "scan/report/report.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr const char* kConfigFile = ".gitlab-ci.yml";

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

// A copy of the project as a checkout has it: without earlier reports. Symlinks stay symlinks.
Result<void> copy_project(const fs::path& from, const fs::path& to, const fs::path& output) {
  SCANGATE_CHECK(make_directories(to));
  std::error_code error;
  const fs::path skipped = fs::weakly_canonical(output, error);
  for (fs::directory_iterator it(from, error), end; !error && it != end; it.increment(error)) {
    if (fs::weakly_canonical(it->path(), error) == skipped) continue;
    fs::copy(it->path(), to / it->path().filename(), fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
    if (error) break;
  }
  if (error) return fail(host_error(fmt::format("cannot copy the project {}", from.string()), error.value()));
  return {};
}

Result<std::optional<ContainerImage>> job_image(Engine& engine, const ci::Job& job, const Cancel& cancel, Progress& progress) {
  if (!job.image || matches_image(job.image->name, engine.settings().tool_images)) return std::nullopt;
  SCANGATE_TRY(const Reference name, Reference::parse(job.image->name));
  SCANGATE_TRY(const auto pulled, engine.registry().pull(name, Platform::host(), PullPolicy::if_not_present, *engine.store(), cancel, progress));
  return ContainerImage{.digest = pulled.manifest_digest, .entrypoint = job.image->entrypoint, .user = job.image->user};
}

// A job's name as a folder's: "test: [a, b]" would not do.
std::string folder_name(std::string_view job) {
  std::string out(job);
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_' && c != '.') c = '-';
  return out.starts_with('.') ? "_" + out : out;
}

class LocalRun {
 public:
  LocalRun(const LocalRunRequest& request, Engine& engine, std::shared_ptr<Logins> logins, const Cancel& cancel, Progress& progress)
      : request_(request), engine_(engine), logins_(std::move(logins)), cancel_(cancel), progress_(progress) {}

  Result<ExitCode> run_job(const ci::Job& job) {
    const ci::Place& place = job.place;
    for (const auto& service : job.services)
      if (!matches_image(service.image.name, engine_.settings().gate_services))
        return fail(ci::error_at(place, fmt::format("service '{}' of job '{}' is not supported yet", service.image.name, job.name))
                        .remedy("of services, only docker:dind is served, by the image gate"));
    if (job.trigger) return fail(ci::error_at(place, fmt::format("job '{}' starts another pipeline, which is not supported yet", job.name)));
    SCANGATE_CHECK(make_directories(engine_.settings().store / "jobs"));
    SCANGATE_TRY(const TempDir state, TempDir::make(engine_.settings().store / "jobs", "local-"));
    const fs::path builds = state.path() / "builds";
    const fs::path project = builds / "project";
    SCANGATE_CHECK(copy_project(request_.project, project, request_.output));
    SCANGATE_TRY(const auto image, job_image(engine_, job, cancel_, progress_));

    std::vector<ci::ScriptLine> main = job.before_script;
    main.insert(main.end(), job.script.begin(), job.script.end());
    SCANGATE_TRY(auto result, run_script(job, main, image, state.path(), project));
    if (!job.after_script.empty() && !cancel_.cancelled()) {
      progress_.line(Level::info, fmt::format("job {}: after_script", job.name));
      SCANGATE_TRY(auto after, run_script(job, job.after_script, image, state.path(), project));
      if (after.script_code != 0) progress_.line(Level::warning, "after_script failed, ignoring");
      result.scans.insert(result.scans.end(), std::make_move_iterator(after.scans.begin()), std::make_move_iterator(after.scans.end()));
      result.code = std::max(result.code, after.code == ExitCode::failed ? ExitCode::done : after.code);
    }
    if (!result.scans.empty()) {
      const fs::path folder = request_.output / folder_name(job.name);
      SCANGATE_CHECK(make_directories(folder));
      const auto reports = render_job_reports(result.scans, engine_.policy());
      SCANGATE_TRY([[maybe_unused]] const auto written, write_job_reports(reports, folder, {}, {}));
      progress_.line(Level::info, fmt::format("job {}: reports in {}", job.name, (folder / "scangate-reports").string()));
      for (const auto& scan : result.scans) progress_.line(Level::info, verdict_line(scan));
    }
    return result.code;
  }

 private:
  Result<JobStepResult> run_script(const ci::Job& job, const std::vector<ci::ScriptLine>& lines, const std::optional<ContainerImage>& image, const fs::path& state,
                                   const fs::path& project) {
    JobStep step{.image = image,
                 .services = {},
                 .script = {.text = job_script_text(job, lines, project.string()),
                            .script = {.directory = project.string(),
                                       .mounts = {{.source = project.parent_path(), .target = project.parent_path().string(), .read_only = false}}},
                            .state_folder = state,
                            .broker = std::make_shared<Broker>(),  // a person's own pipeline on a person's own machine
                            .gitlab = std::nullopt},
                 .context = {.project_dir = project.string(), .cache_namespace = "local-" + Digest::of(fs::absolute(request_.project).string()).brief(), .broker = nullptr}};
    return run_job_step(engine_, logins_, std::move(step), cancel_, progress_);
  }

  const LocalRunRequest& request_;
  Engine& engine_;
  std::shared_ptr<Logins> logins_;
  const Cancel& cancel_;
  Progress& progress_;
};

bool takes_part(const ci::Job& job, bool failed_before) {
  switch (job.when) {
    case ci::When::always: return true;
    case ci::When::on_failure: return failed_before;
    case ci::When::on_success:
    case ci::When::delayed: return !failed_before;
    case ci::When::manual:
    case ci::When::never: break;
  }
  return false;
}

// `jobs` so that each comes after what it needs; stage order otherwise.
std::vector<const ci::Job*> in_order(const ci::Pipeline& pipeline, const std::vector<std::string>& wanted) {
  std::vector<const ci::Job*> waiting;
  for (const auto& job : pipeline.jobs)
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), job.name) != wanted.end()) waiting.push_back(&job);
  std::vector<const ci::Job*> out;
  std::set<std::string> done;
  const auto is_waiting = [&](const std::string& name) { return std::any_of(waiting.begin(), waiting.end(), [&](const ci::Job* job) { return job->name == name; }); };
  while (!waiting.empty()) {
    const auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const ci::Job* job) {
      return !job->needs || std::none_of(job->needs->begin(), job->needs->end(), [&](const ci::Need& need) { return is_waiting(need.job); });
    });
    const auto next = ready == waiting.end() ? waiting.begin() : ready;  // a circle of needs is refused when the pipeline is read
    out.push_back(*next);
    waiting.erase(next);
  }
  return out;
}

}  // namespace

std::string job_script_text(const ci::Job& job, const std::vector<ci::ScriptLine>& lines, const std::string& project_dir) {
  std::string out = "set -eo pipefail 2>/dev/null || set -e\nset +o noclobber\n";
  for (const auto& [name, variable] : job.variables.all()) {
    if (name == "CI_PROJECT_DIR") continue;
    out += "export " + name + "=" + shell_quoted(variable.value) + "\n";
  }
  out += "export CI_PROJECT_DIR=" + shell_quoted(project_dir) + "\nexport CI_JOB_NAME=" + shell_quoted(job.name) + "\nexport CI_JOB_STAGE=" + shell_quoted(job.stage) +
         "\nexport CI=true\nexport GITLAB_CI=true\ncd " + shell_quoted(project_dir) + "\n";
  // The commands are read by the shell from a variable's text, with nothing on standard input, as the runner does it.
  std::string body;
  for (const auto& line : lines) {
    const std::string_view first = std::string_view(line.text).substr(0, line.text.find('\n'));
    body += "printf '\\033[32;1m$ %s\\033[0m\\n' " + shell_quoted(printable(first)) + "\n" + line.text + "\n";
  }
  return out + "eval " + shell_quoted(body) + " </dev/null\n";
}

Result<ci::PipelineContext> local_context(const fs::path& project, const std::map<std::string, std::string>& variables) {
  ci::PipelineContext context;
  std::error_code ignored;
  if (!fs::is_directory(project, ignored)) return fail(Fault::user, fmt::format("{} is no folder", project.string()));
  if (fs::exists(project / ".git", ignored)) {
    SCANGATE_TRY(const auto facts, ci::facts_of_commit(project, "HEAD"));
    context = ci::context_of_commit(facts);
  }
  if (context.branch.empty() && context.tag.empty()) context.branch = "main";
  if (context.default_branch.empty()) context.default_branch = "main";
  if (context.project_path.empty()) context.project_path = "local/" + fs::absolute(project).lexically_normal().filename().string();
  const auto given = [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
  if (const auto registry = given("CI_REGISTRY"); !registry.empty()) context.registry = registry;
  if (const auto image = given("CI_REGISTRY_IMAGE"); !image.empty()) context.registry_image = image;
  context.pipeline_variables = variables;
  return context;
}

Result<ci::Pipeline> read_local_pipeline(const fs::path& project, const std::string& revision, const ci::PipelineContext& context) {
  if (!revision.empty()) {
    SCANGATE_TRY(auto files, ci::files_of_commit(project, revision));
    return ci::read_pipeline(*files, kConfigFile, context);
  }
  SCANGATE_TRY(auto files, ci::files_of_directory(project));
  return ci::read_pipeline(*files, kConfigFile, context);
}

Result<ExitCode> run_pipeline(const LocalRunRequest& request, Engine& engine, std::shared_ptr<Logins> logins, const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(const auto context, local_context(request.project, request.variables));
  SCANGATE_TRY(const auto pipeline, read_local_pipeline(request.project, "", context));
  for (const auto& warning : pipeline.warnings) progress.line(Level::warning, warning.place.str() + ": " + warning.text);
  if (pipeline.not_created) {
    progress.line(Level::info, "no pipeline: " + *pipeline.not_created);
    return ExitCode::done;
  }
  for (const auto& name : request.jobs) {
    if (pipeline.find(name) != nullptr) continue;
    std::vector<std::string> known;
    for (const auto& job : pipeline.jobs) known.push_back(job.name);
    const auto near = nearest(name, known);
    return fail(Error(Fault::user, fmt::format("no job '{}' in this pipeline", name))
                    .remedy(near ? fmt::format("did you mean '{}'?", *near) : fmt::format("jobs: {}", fmt::join(known, ", "))));
  }
  LocalRun run(request, engine, std::move(logins), cancel, progress);
  ExitCode worst = ExitCode::done;
  for (const ci::Job* job : in_order(pipeline, request.jobs)) {
    if (cancel.cancelled()) return fail(cancelled_error());
    const bool named = std::find(request.jobs.begin(), request.jobs.end(), job->name) != request.jobs.end();
    if (!named && !takes_part(*job, worst != ExitCode::done)) {
      progress.line(Level::info, fmt::format("job {} ({}): not run, when: {}", job->name, job->stage, ci::name_of(job->when)));
      continue;
    }
    progress.line(Level::info, fmt::format("job {} ({})", job->name, job->stage));
    SCANGATE_TRY(const ExitCode code, run.run_job(*job));
    if (cancel.cancelled()) return fail(cancelled_error());
    const auto& codes = job->allow_failure.exit_codes;
    const bool allowed = code != ExitCode::done && (job->allow_failure.allowed || std::find(codes.begin(), codes.end(), exit_number(code)) != codes.end());
    progress.line(Level::info, fmt::format("job {}: {}", job->name, code == ExitCode::done ? "passed" : fmt::format("failed with exit code {}{}", exit_number(code), allowed ? " (allowed)" : "")));
    if (!allowed) worst = std::max(worst, code);
  }
  return worst;
}

}  // namespace scangate
