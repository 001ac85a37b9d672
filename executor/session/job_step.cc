#include "executor/session/job_step.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <array>

#include "base/file.h"
#include "executor/gate/dispatch.h"
#include "executor/services/service_names.h"
#include "executor/wire/wire.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// Hosts files with block lists reach some megabytes.
constexpr std::size_t kMaxHostsBytes = 16U << 20U;
constexpr const char* kReportFolder = "scangate-reports";
constexpr std::array kReportFormats = {ReportFormat::json, ReportFormat::junit, ReportFormat::gitlab,
                                       ReportFormat::codequality};

ExitCode code_of(int script_code, ExitCode gate, OnStop on_stop) {
  if (gate != ExitCode::done && (on_stop == OnStop::job || script_code != 0)) return gate;
  return script_code == 0 ? ExitCode::done : ExitCode::failed;
}

Result<void> write_in(int folder, const std::string& path, std::string_view text) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (open_in_root(folder, parent, O_PATH | O_DIRECTORY)) continue;
    const std::size_t above = parent.rfind('/');
    SCANGATE_TRY(const UniqueFd base, open_in_root(folder, above == std::string::npos ? "." : parent.substr(0, above),
                                                   O_PATH | O_DIRECTORY));
    if (mkdirat(base.get(), parent.substr(above == std::string::npos ? 0 : above + 1).c_str(), 0755) != 0 &&
        errno != EEXIST)
      return fail(host_error("cannot create folder " + parent, errno));
  }
  SCANGATE_TRY(const UniqueFd file, open_in_root(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  return write_fd(file.get(), as_bytes(text), path);
}

// RUN steps of the job's builds share its network, as long as it is there.
class NetworkInUse {
 public:
  NetworkInUse(Engine& engine, const JobNetwork* network) : engine_(engine) { engine_.use_network(network); }
  ~NetworkInUse() { engine_.use_network(nullptr); }
  NetworkInUse(const NetworkInUse&) = delete;
  NetworkInUse& operator=(const NetworkInUse&) = delete;

 private:
  Engine& engine_;
};

// The network for a script: its end is the network's.
Result<std::unique_ptr<JobNetwork>> join_network(Engine& engine, const std::vector<ServiceOrder>& services,
                                                 ScriptStep& step, Progress& progress) {
  SCANGATE_TRY(auto network, engine.make_network());
  progress.line(Level::debug, "network: " + network->description());
  step.script.network = network.get();
  if (network->resolv_conf()) {
    step.script.names.resolv_conf = step.state_folder / "resolv.conf";
    SCANGATE_CHECK(write_file_atomic(*step.script.names.resolv_conf, as_bytes(*network->resolv_conf())));
  }
  std::vector<std::string> names;
  for (const auto& service : services)
    for (auto& name : service_names(service.name, service.aliases))
      names.push_back(std::move(name));
  if (!network->is_host() || !names.empty()) {
    step.script.names.hosts = step.state_folder / "hosts";
    const std::string own = read_file("/etc/hosts", kMaxHostsBytes).value_or("");
    SCANGATE_CHECK(write_file_atomic(*step.script.names.hosts, as_bytes(hosts_file(own, "runner", names))));
  }
  return network;
}

}  // namespace

Result<int> run_helper_step(Engine& engine, ScriptStep step, const fs::path& runner_program, const Cancel& cancel,
                            Progress& progress) {
  SCANGATE_TRY(const auto network, join_network(engine, {}, step, progress));
  SCANGATE_TRY(auto listener, network->listen_loopback());
  SCANGATE_TRY(const JobGateway gateway,
               JobGateway::open(step.broker, std::move(step.gitlab), std::move(listener), engine.transport()));
  SCANGATE_TRY(const UniqueFd file, gateway.script_file(step.text));
  step.script.script_fd = file.get();
  for (auto& variable : gateway.environment())
    step.script.environment.push_back(std::move(variable));
  if (!runner_program.empty() && !gateway.url().empty()) {
    const fs::path folder = step.state_folder / "helper";
    SCANGATE_CHECK(gateway.add_runner_command(folder, runner_program));
    step.script.gate_folder = folder;
  }
  SCANGATE_TRY(const Exit exit, run_in_tool_root(engine, step.state_folder / "tools", step.script, cancel, progress));
  return exit.shell_code();
}

Result<JobStepResult> run_job_step(Engine& engine, std::shared_ptr<Logins> logins, JobStep step, const Cancel& cancel,
                                   Progress& progress) {
  ScriptStep& script = step.script;
  const fs::path gate_folder = script.state_folder / "gate";
  SCANGATE_CHECK(make_gate_folder(gate_folder, engine.settings().shim, served_programs()));
  SCANGATE_TRY(const auto network, join_network(engine, step.services, script, progress));
  const NetworkInUse in_use(engine, network.get());
  SCANGATE_TRY(auto listener, network->listen_loopback());
  SCANGATE_TRY(const JobGateway gateway,
               JobGateway::open(script.broker, std::move(script.gitlab), std::move(listener), engine.transport()));
  SCANGATE_TRY(const UniqueFd file, gateway.script_file(script.text));
  script.script.script_fd = file.get();
  for (auto& variable : gateway.environment())
    script.script.environment.push_back(std::move(variable));
  step.context.broker = script.broker;
  step.context.folders = script.script.mounts;
  step.context.state_folder = script.state_folder;
  step.context.network = network.get();
  step.context.names = script.script.names;
  ImageCommands images(engine, std::move(logins), step.context);
  SCANGATE_TRY(auto server, GateServer::start(gate_folder / fs::path(wire::kSocket).filename(),
                                              [&](GateRequest& request, const Cancel& gone) {
                                                return dispatch(images, request, gone);
                                              }));
  script.script.gate_folder = gate_folder;
  // Declared after the network they run in.
  SCANGATE_TRY(auto services, Services::start(engine, step.services, *network, script.script.names, cancel, progress));
  services.wait(std::chrono::seconds(engine.settings().service_wait_seconds), cancel, progress);
  auto exit = step.image
                  ? run_in_image(engine, *step.image, script.state_folder / "root", script.script, cancel, progress)
                  : run_in_tool_root(engine, script.state_folder / "tools", script.script, cancel, progress);
  server.reset();  // no command of the job runs from here on
  SCANGATE_TRY(const Exit ended, std::move(exit));
  JobStepResult result;
  result.script_code = ended.shell_code();
  result.code = code_of(result.script_code, images.worst(), engine.settings().on_stop);
  result.scans = images.results();
  return result;
}

ReportOptions report_options(const Policy& policy) {
  ReportOptions options;
  options.tool_version = scangate_version();
  for (const auto& rule : policy.rules())
    options.rules.push_back(rule.name);
  return options;
}

Result<std::vector<std::string>> write_job_reports(const std::vector<ScanResult>& scans, const Policy& policy,
                                                   const fs::path& project,
                                                   const std::vector<DeclaredReport>& declared) {
  std::vector<std::string> written;
  if (scans.empty()) return written;
  SCANGATE_TRY(const UniqueFd folder, open_file(project, O_PATH | O_DIRECTORY));
  const ReportOptions options = report_options(policy);
  for (const ReportFormat format : kReportFormats) {
    const ReportFile file = report_file(format);
    const std::string text = render_report(format, scans, options);
    std::vector<std::string> paths = {fmt::format("{}/{}", kReportFolder, file.name)};
    for (const auto& report : declared)
      if (!file.artifact_type.empty() && report.type == file.artifact_type &&
          report.path.find_first_of("*?[") == std::string::npos)
        paths.push_back(report.path);
    for (const auto& path : paths) {
      SCANGATE_CHECK(write_in(folder.get(), path, text));
      written.push_back(path);
    }
  }
  return written;
}

std::string_view scangate_version() {
  return SCANGATE_VERSION;
}

}  // namespace scangate
