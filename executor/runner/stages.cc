#include "executor/runner/stages.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <future>

#include "base/file.h"
#include "base/json/json.h"
#include "base/text.h"
#include "executor/console/log_section.h"
#include "executor/runner/job_images.h"
#include "executor/runner/job_lease.h"
#include "executor/runner/job_secrets.h"
#include "executor/runner/project.h"
#include "executor/runner/report_delivery.h"
#include "executor/session/grace.h"
#include "pipeline/sandbox/cgroups.h"
#include "pipeline/sandbox/network.h"
#include "scan/report/report.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kStateVariable = "SCANGATE_JOB_STATE";

Result<int> code_variable(const std::vector<std::string>& environment, std::string_view name) {
  const auto text = environment_value(environment, name);
  int value = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size() && value > 0 && value < 256) return value;
  }
  return fail(Error(Fault::host, fmt::format("{} is not set to an exit code", name))
                  .remedy("this command is called by gitlab-runner's custom executor"));
}

Result<JobResponse> read_job(const RunnerCall& call) {
  SCANGATE_TRY(const std::string text, read_file(call.job_response_file, kMaxJobResponseBytes));
  return parse_job_response(text, call.job_response_file.string());
}

// As GitLab itself describes the job: what its variables say could be set by anyone.
JobOrigin origin_of(const JobResponse& job, const ServerAddress* server) {
  JobOrigin origin{.job_url = {}, .project_url = {}, .commit = job.sha};
  if (server == nullptr || job.project_path.empty()) return origin;
  origin.project_url = fmt::format("{}/{}", server->url(), job.project_path);
  origin.job_url = fmt::format("{}/-/jobs/{}", origin.project_url, job.id);
  return origin;
}

// A state folder belongs to us when it lies where config_stage puts them; job_env cannot be set by a job, but removing
// a folder deserves the check.
Result<fs::path> state_folder(const RunnerCall& call) {
  if (!call.state_folder)
    return fail(Error(Fault::host, fmt::format("{} is not set", kStateVariable))
                    .remedy("config_exec must be 'scangate executor config'"));
  return *call.state_folder;
}

// Those that read or write what `cache:` keeps between jobs.
bool is_cache_stage(std::string_view stage) {
  return stage == "restore_cache" || stage.starts_with("archive_cache");
}

// Stages that run the runner's own scripts: sources, caches, artifacts. Everything else is the job's.
bool is_helper_stage(std::string_view stage) {
  static constexpr std::array<std::string_view, 11> kHelper = {"prepare_script",
                                                               "get_sources",
                                                               "clear_worktree",
                                                               "restore_cache",
                                                               "download_artifacts",
                                                               "archive_cache",
                                                               "archive_cache_on_failure",
                                                               "upload_artifacts_on_success",
                                                               "upload_artifacts_on_failure",
                                                               "cleanup_file_variables",
                                                               "cleanup_build"};
  return std::find(kHelper.begin(), kHelper.end(), stage) != kHelper.end();
}

fs::path builds_folder(const fs::path& state) {
  return state / "builds";
}

// Where the runner put the sources, when that is inside the job's builds folder; it only says where reports go and how
// Dockerfiles are called. The job response has no CI_PROJECT_DIR: the runner makes it, from the builds folder and
// GIT_CLONE_PATH.
fs::path project_folder(const RunnerCall& call, const JobResponse& job, const fs::path& builds) {
  const fs::path path = fs::path(call.project_folder).lexically_normal();
  if (path.string().starts_with(builds.string() + "/")) return path;
  return job.project_path.empty() ? builds : builds / fs::path(job.project_path).lexically_normal().relative_path();
}

}  // namespace

Result<RunnerCall> read_runner_call(const std::vector<std::string>& environment) {
  RunnerCall call;
  SCANGATE_TRY(call.build_failure_code, code_variable(environment, "BUILD_FAILURE_EXIT_CODE"));
  SCANGATE_TRY(call.system_failure_code, code_variable(environment, "SYSTEM_FAILURE_EXIT_CODE"));
  call.job_response_file = environment_value(environment, "JOB_RESPONSE_FILE").value_or("");
  call.exit_code_file = environment_value(environment, "BUILD_EXIT_CODE_FILE").value_or("");
  call.temporary_folder = environment_value(environment, "TMPDIR").value_or("/tmp");
  if (const auto state = environment_value(environment, kStateVariable)) call.state_folder = *state;
  if (const auto runner = find_program("gitlab-runner", environment_value(environment, "PATH").value_or("")))
    call.runner_program = *runner;
  call.project_folder = environment_value(environment, "CUSTOM_ENV_CI_PROJECT_DIR").value_or("");
  return call;
}

int runner_exit(const RunnerCall& call, ExitCode code, int script_code) {
  if (code == ExitCode::done) return 0;
  if (code == ExitCode::environment) return call.system_failure_code;
  const int number = code == ExitCode::failed && script_code != 0 ? script_code : exit_number(code);
  // The runner reads the first line as an integer; without the file the job ends with 1.
  if (!call.exit_code_file.empty())
    static_cast<void>(write_file_atomic(call.exit_code_file, as_bytes(std::to_string(number) + "\n")));
  return call.build_failure_code;
}

Result<std::string> config_stage(const RunnerCall& call, const Settings& settings) {
  SCANGATE_TRY(const JobResponse job, read_job(call));
  // The runner's folder makes the name unique where several GitLab servers count their own jobs; the same call again
  // gives the same folder.
  const std::string name =
      fmt::format("job-{}-{}", job.id, Digest::of(call.temporary_folder.string()).hex().substr(0, 8));
  const fs::path state = jobs_folder(settings.store) / name;
  SCANGATE_CHECK(open_job(settings.store, state, std::chrono::seconds(job.timeout_seconds), SystemClock().now()));
  SCANGATE_CHECK(make_directories(builds_folder(state)));
  nlohmann::ordered_json out;
  out["driver"] = {{"name", "scangate"}, {"version", std::string(scangate_version())}};
  out["builds_dir"] = builds_folder(state).string();
  out["cache_dir"] = project_cache(settings.store, job).string();
  out["builds_dir_is_shared"] = false;
  out["hostname"] = "scangate";
  out["shell"] = "bash";
  out["job_env"] = {{std::string(kStateVariable), state.string()}};
  return dump_json(out);
}

Result<void> prepare_stage(const RunnerCall& call, const OpenEngine& open_engine, const Cancel& cancel,
                           Console& progress) {
  SCANGATE_TRY(const JobResponse job, read_job(call));
  auto logins = std::make_shared<Logins>();
  add_registry_logins(job, *logins);
  add_docker_auth_config(job, *logins, progress);
  SCANGATE_TRY(const fs::path state, state_folder(call));
  SCANGATE_TRY(auto engine, open_engine(std::move(logins), names_of_job(state)));
  const SystemClock clock;
  SCANGATE_TRY(const auto held, hold_job(state, std::chrono::seconds(job.timeout_seconds), clock.now()));
  SCANGATE_CHECK(make_directories(state));
  // Waiting for its helper program is most of this stage: the rest is done meanwhile.
  auto started = std::async(std::launch::async, [&] {
    JobNetwork::end_kept(state);  // an earlier try of this stage may have left one
    return engine->make_network(state);
  });
  sweep_ended_jobs(*engine->store(), clock.now(), progress);
  SCANGATE_TRY(Sandbox * sandbox, engine->sandbox(progress));
  progress.line(Level::info, "Sandbox: " + sandbox->description());
  SCANGATE_TRY(const auto network, started.get());
  progress.line(Level::info, "Network: " + network->description());
  SCANGATE_TRY(const JobImages images, prepare_images(*engine, job, *network, cancel, progress));
  SCANGATE_CHECK(write_job_images(state, images));
  if (const auto kept = network->keep(); !kept)
    progress.line(Level::debug, "each stage makes a network of its own: " + kept.error().text());
  return {};
}

Result<StageResult> run_stage(const RunnerCall& call, const fs::path& script, const std::string& stage,
                              const OpenEngine& open_engine, const Cancel& cancel, Console& progress) {
  SCANGATE_TRY(const fs::path state, state_folder(call));
  SCANGATE_TRY(const JobResponse job, read_job(call));
  auto logins = std::make_shared<Logins>();
  add_registry_logins(job, *logins);
  SCANGATE_TRY(auto engine, open_engine(logins, names_of_job(state)));
  SCANGATE_TRY(const auto held, hold_job(state, std::chrono::seconds(job.timeout_seconds), SystemClock().now()));
  const fs::path builds = builds_folder(state);
  const fs::path cache = project_cache(engine->settings().store, job);
  // All others have a folder of the job's own at the same path.
  const fs::path cache_seen = is_cache_stage(stage) ? cache : state / "cache";
  SCANGATE_CHECK(make_directories(builds));
  SCANGATE_CHECK(make_directories(cache_seen));
  ScriptStep order{.text = {},
                   .script = {},
                   .state_folder = state,
                   .broker = nullptr,
                   .gitlab = forwarder_target(job, engine->settings(), progress)};
  order.broker = job_secrets(job, order.gitlab ? &order.gitlab->server : nullptr, engine->settings());
  SCANGATE_TRY(order.text, read_file(script, kMaxScriptBytes));
  order.script.directory = builds.string();
  order.script.mounts = {{.source = builds, .target = builds.string(), .read_only = false},
                         {.source = cache_seen, .target = cache.string(), .read_only = false}};

  if (is_helper_stage(stage)) {
    SCANGATE_TRY(const int code, run_helper_step(*engine, std::move(order), call.runner_program, cancel, progress));
    return StageResult{code == 0 ? ExitCode::done : ExitCode::failed, code};
  }

  SCANGATE_TRY(const JobImages images, read_job_images(state));
  const fs::path project = project_folder(call, job, builds);
  const auto gitlab = order.gitlab;
  SCANGATE_TRY(JobStep step,
               job_step(job, engine->settings(), images, std::move(order),
                        {.project_dir = project.string(),
                         .cache_namespace = project_name(job),
                         .broker = nullptr,
                         .log_sections = progress.mode() == ConsoleMode::job ? LogSections::on : LogSections::off,
                         .origin = origin_of(job, gitlab ? &gitlab->server : nullptr)}));
  SCANGATE_TRY(auto result, run_job_step(*engine, logins, std::move(step), cancel, progress));
  std::error_code ignored;
  std::vector<ScanResult> scans;
  if (!result.scans.empty() || !result.remarks.empty() || fs::exists(state / kKeptReports, ignored)) {
    const LogSection section(progress, "scangate_reports", "Scan reports");
    const ReportDelivery delivery{.job = job,
                                  .gitlab = gitlab ? &*gitlab : nullptr,
                                  .state_folder = state,
                                  .project = project,
                                  .last_chance = cancel.cancelled()};
    const Grace grace(cancel, kReportGrace);
    scans = deliver_reports(*engine, delivery, stage, result.scans, result.remarks, grace.cancel(), progress);
  }
  if (!result.scans.empty()) {
    for (const auto& scan : scans)
      progress.line(Level::info, verdict_line(scan));
    if (result.code == ExitCode::stopped && result.script_code == 0)
      progress.line(Level::info, "The job fails because the gate stopped an image, although its script went on.");
  }
  return StageResult{result.code, result.script_code};
}

Result<void> cleanup_stage(const RunnerCall& call, const Settings& settings) {
  if (!call.state_folder) return {};  // config never ran
  const fs::path state = call.state_folder->lexically_normal();
  if (state.parent_path() != jobs_folder(settings.store).lexically_normal())
    return fail(Fault::host,
                fmt::format("{} is no job folder of the store {}", state.string(), settings.store.string()));
  std::optional<KeptNetworkEnd> network_end = JobNetwork::end_kept(state);
  std::error_code ignored;
  if (fs::exists(settings.store / "index.db", ignored)) {
    SCANGATE_TRY(const auto store, Store::open(settings.store, names_of_job(state)));
    SCANGATE_CHECK(store->forget_names());
    NoProgress silent;
    sweep_ended_jobs(*store, SystemClock().now(), silent);
  }
  const auto removed = remove_tree(state);
  network_end.reset();
  Cgroups::probe(settings.limits)->sweep_ended();  // of a script that was killed
  return removed;
}

}  // namespace scangate
