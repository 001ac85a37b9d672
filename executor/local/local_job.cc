#include "executor/local/local_job.h"

#include <algorithm>

#include "base/deadline.h"
#include "base/file.h"
#include "executor/local/file_trees.h"
#include "executor/local/job_description.h"
#include "executor/runner/job_images.h"
#include "executor/runner/job_secrets.h"
#include "executor/session/job_reports.h"
#include "scan/report/report.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// A job's name as a folder's: "test: [a, b]" would not do.
std::string folder_name(std::string_view job) {
  std::string out(job);
  for (char& c : out)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_' && c != '.') c = '-';
  return out.starts_with('.') ? "_" + out : out;
}

// Variables that earlier jobs handed on are stronger than those of the YAML. GitLab documentation, ci/variables,
// "CI/CD variable precedence".
void take_variables(const ci::Job& job, const std::vector<const LocalArtifacts*>& inherited, JobResponse& described) {
  for (const auto* files : inherited)
    for (const auto& [name, value] : files->variables) {
      const ci::Variable* own = job.variables.find(name);
      if (own != nullptr && own->origin >= ci::VariableOrigin::project) continue;
      described.variables.push_back({.key = name, .value = value, .is_raw = true});
    }
}

class LocalJob {
 public:
  LocalJob(const LocalJobRequest& request, Engine& engine, std::shared_ptr<Logins> logins, const Cancel& cancel,
           Console& console)
      : request_(request),
        job_(request.job),
        engine_(engine),
        logins_(std::move(logins)),
        cancel_(cancel),
        console_(console) {}

  Result<LocalJobResult> run() {
    described_ = describe_job(job_, request_.context);
    take_variables(job_, request_.inherited, described_);
    logins_->clear();
    add_registry_logins(described_, *logins_);
    add_docker_auth_config(described_, *logins_, console_);
    if (described_.credentials.empty() && request_.context.pipeline_variables.contains("CI_REGISTRY_PASSWORD"))
      console_.line(Level::warning, "CI_REGISTRY_PASSWORD is for no registry: give CI_REGISTRY with --var, too");
    SCANGATE_TRY(const TempDir state, engine_.store()->make_work_folder("local-"));
    state_ = state.path();
    builds_ = state_ / "builds";
    project_folder_ = local_project_folder(request_.context);
    project_ = builds_ / fs::path(project_folder_).lexically_relative(kLocalBuildsFolder);
    SCANGATE_CHECK(copy_tree(request_.project, project_, request_.output, cancel_));
    for (const auto* files : request_.inherited)
      if (files->folder) SCANGATE_CHECK(put_files(files->folder->path(), project_, cancel_));
    if (!described_.token.empty()) gitlab_ = forwarder_target(described_, engine_.settings(), console_);
    broker_ = job_secrets(described_, gitlab_ ? &gitlab_->server : nullptr, engine_.settings());

    LocalJobResult result;
    SCANGATE_CHECK(run_scripts(result));
    SCANGATE_CHECK(write_reports());
    SCANGATE_TRY(result.files, take_artifacts(job_, result.code == ExitCode::done, project_, project_folder_,
                                              *engine_.store(), cancel_, console_));
    return result;
  }

 private:
  Result<void> run_scripts(LocalJobResult& result) {
    const Deadline deadline(cancel_, std::chrono::seconds(described_.timeout_seconds));
    auto ran = run_in_time(deadline.cancel(), result);
    if (!deadline.passed()) return ran;
    // How the script took its end says nothing.
    result.timed_out = true;
    result.code = std::max(result.code, ExitCode::failed);
    console_.line(Level::warning, fmt::format("job {}: stopped, it took longer than its timeout of {} s", job_.name,
                                              described_.timeout_seconds));
    return {};
  }

  Result<void> run_in_time(const Cancel& cancel, LocalJobResult& result) {
    JobImages images;
    {
      SCANGATE_TRY(const auto network, engine_.make_network());
      SCANGATE_TRY(images, prepare_images(engine_, described_, *network, cancel, console_));
    }
    std::vector<ci::ScriptLine> main = job_.before_script;
    main.insert(main.end(), job_.script.begin(), job_.script.end());
    SCANGATE_TRY(const auto first, run_script(main, images, cancel));
    result.code = first.code;
    result.script_code = first.script_code;
    if (first.code == ExitCode::stopped && first.script_code == 0)
      console_.line(Level::info, "The job fails because the gate stopped an image, although its script went on.");
    if (job_.after_script.empty() || cancel.cancelled()) return {};
    console_.line(Level::info, fmt::format("job {}: after_script", job_.name));
    set_variable("CI_JOB_STATUS", result.code == ExitCode::done ? "success" : "failed");
    SCANGATE_TRY(const auto after, run_script(job_.after_script, images, cancel));
    if (after.script_code != 0) console_.line(Level::warning, "after_script failed, ignoring");
    result.code = std::max(result.code, after.code == ExitCode::failed ? ExitCode::done : after.code);
    return {};
  }

  Result<JobStepResult> run_script(const std::vector<ci::ScriptLine>& lines, const JobImages& images,
                                   const Cancel& cancel) {
    ScriptStep script{.text = job_script_text(described_, lines, project_folder_),
                      .script = {.environment = {},
                                 .directory = project_folder_,
                                 .mounts = {{.source = builds_, .target = kLocalBuildsFolder, .read_only = false}}},
                      .state_folder = state_,
                      .broker = broker_,
                      .gitlab = gitlab_};
    SCANGATE_TRY(JobStep step,
                 job_step(described_, engine_.settings(), images, std::move(script),
                          {.project_dir = project_folder_,
                           .cache_namespace = "local-" + Digest::of(fs::absolute(request_.project).string()).brief(),
                           .broker = nullptr}));
    SCANGATE_TRY(auto result, run_job_step(engine_, logins_, std::move(step), cancel, console_));
    remarks_.insert(remarks_.end(), result.remarks.begin(), result.remarks.end());
    scans_.insert(scans_.end(), std::make_move_iterator(result.scans.begin()),
                  std::make_move_iterator(result.scans.end()));
    return result;
  }

  void set_variable(const char* name, const char* value) {
    described_.variables.push_back({.key = name, .value = value, .is_raw = true});
  }

  // In the job's project, where its artifacts may name them, and where its person finds them.
  Result<void> write_reports() {
    if (scans_.empty() && remarks_.empty()) return {};
    std::vector<DeclaredReport> declared;
    for (const auto& artifact : described_.artifacts)
      for (const auto& path : artifact.paths)
        declared.push_back({artifact.type, path});
    const auto reports = render_job_reports(scans_, remarks_, engine_.policy());
    SCANGATE_TRY(const auto written, write_job_reports(reports, project_, declared, {}));
    for (const auto& warning : written.warnings)
      console_.line(Level::warning, warning);
    const fs::path folder = request_.output / folder_name(job_.name);
    SCANGATE_CHECK(make_directories(folder));
    SCANGATE_CHECK(write_job_reports(reports, folder, {}, {}));
    console_.line(Level::info,
                  fmt::format("job {}: reports in {}", job_.name, (folder / std::string(kReportFolder)).string()));
    for (const auto& scan : scans_)
      console_.line(Level::info, verdict_line(scan));
    return {};
  }

  const LocalJobRequest& request_;
  const ci::Job& job_;
  Engine& engine_;
  std::shared_ptr<Logins> logins_;
  const Cancel& cancel_;
  Console& console_;

  JobResponse described_;
  fs::path state_;
  fs::path builds_;             // on the host
  fs::path project_;            // on the host
  std::string project_folder_;  // as the job sees it
  std::shared_ptr<Broker> broker_;
  std::optional<ForwarderTarget> gitlab_;
  std::vector<ScanResult> scans_;
  std::vector<Remark> remarks_;
};

}  // namespace

Result<LocalJobResult> run_local_job(const LocalJobRequest& request, Engine& engine,
                                     const std::shared_ptr<Logins>& logins, const Cancel& cancel, Console& console) {
  if (request.job.trigger)
    return fail(
        ci::error_at(request.job.place,
                     fmt::format("job '{}' starts another pipeline, which is not served here", request.job.name))
            .remedy("name the jobs to run with --job"));
  return LocalJob(request, engine, logins, cancel, console).run();
}

}  // namespace scangate
