#include "executor/session/job_step.h"

#include "base/file.h"
#include "executor/gate/dispatch.h"
#include "executor/services/service_names.h"
#include "executor/wire/wire.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// Hosts files with block lists reach some megabytes.
constexpr std::size_t kMaxHostsBytes = 16U << 20U;

ExitCode code_of(int script_code, ExitCode gate, OnStop on_stop) {
  if (gate != ExitCode::done && (on_stop == OnStop::job || script_code != 0)) return gate;
  return script_code == 0 ? ExitCode::done : ExitCode::failed;
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
                                                 std::vector<std::string> names, ScriptStep& step, Progress& progress) {
  SCANGATE_TRY(auto network, engine.job_network(step.state_folder));
  progress.line(Level::debug, "network: " + network->description());
  step.script.network = network.get();
  if (network->resolv_conf()) {
    step.script.names.resolv_conf = step.state_folder / "resolv.conf";
    SCANGATE_CHECK(write_file_atomic(*step.script.names.resolv_conf, as_bytes(*network->resolv_conf())));
  }
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

// Where helper scripts find the host's gitlab-runner, wherever the host has it.
constexpr const char* kRunnerProgram = "/scangate-runner";

// What makes a script's git go through the gateway; `folder` becomes the script's gate folder.
Result<void> lead_git(const JobGateway& gateway, const fs::path& folder, JobScript& script) {
  for (auto& variable : gateway.environment())
    script.environment.push_back(std::move(variable));
  if (gateway.url().empty()) return {};
  SCANGATE_CHECK(gateway.add_git_config(folder));
  script.environment.push_back(fmt::format("GIT_CONFIG_SYSTEM={}/gitconfig", wire::kFolder));
  return {};
}

}  // namespace

Result<int> run_helper_step(Engine& engine, ScriptStep step, const fs::path& runner_program, const Cancel& cancel,
                            Progress& progress) {
  SCANGATE_TRY(const auto network, join_network(engine, {}, {}, step, progress));
  SCANGATE_TRY(auto listener, network->listen_loopback());
  SCANGATE_TRY(const JobGateway gateway,
               JobGateway::open(step.broker, std::move(step.gitlab), std::move(listener), engine.transport()));
  SCANGATE_TRY(const UniqueFd file, gateway.script_file(step.text));
  step.script.script_fd = file.get();
  const fs::path folder = step.state_folder / "helper";
  SCANGATE_CHECK(lead_git(gateway, folder, step.script));
  if (!gateway.url().empty()) step.script.gate_folder = folder;
  std::error_code error;
  if (const fs::path program = fs::canonical(runner_program, error); !error && !gateway.url().empty()) {
    SCANGATE_CHECK(gateway.add_runner_command(folder, kRunnerProgram));
    step.script.mounts.push_back({.source = program, .target = kRunnerProgram});
  }
  SCANGATE_TRY(const Exit exit, run_in_tool_root(engine, step.state_folder / "tools", step.script, cancel, progress));
  return exit.shell_code();
}

Result<JobStepResult> run_job_step(Engine& engine, std::shared_ptr<Logins> logins, JobStep step, const Cancel& cancel,
                                   Progress& progress) {
  ScriptStep& script = step.script;
  const fs::path gate_folder = script.state_folder / "gate";
  SCANGATE_CHECK(make_gate_folder(gate_folder, engine.settings().shim, served_programs()));
  SCANGATE_TRY(const auto network, join_network(engine, step.services, step.gate_names, script, progress));
  const NetworkInUse in_use(engine, network.get());
  SCANGATE_TRY(auto listener, network->listen_loopback());
  SCANGATE_TRY(const JobGateway gateway,
               JobGateway::open(script.broker, std::move(script.gitlab), std::move(listener), engine.transport()));
  SCANGATE_TRY(const UniqueFd file, gateway.script_file(script.text));
  script.script.script_fd = file.get();
  SCANGATE_CHECK(lead_git(gateway, gate_folder, script.script));
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
  JobStepResult result;
  result.scans = images.results();
  result.remarks = images.remarks();
  if (!exit) {
    if (result.scans.empty()) return fail(std::move(exit).error());
    // What was scanned until then is still reported, and what the gate said of it still stands.
    progress.line(Level::warning, "the script was ended: " + exit.error().text());
    result.code = images.worst() == ExitCode::done ? exit_code_of(exit.error()) : images.worst();
    return result;
  }
  result.script_code = exit->shell_code();
  result.code = code_of(result.script_code, images.worst(), engine.settings().on_stop);
  return result;
}

ReportOptions report_options(const Policy& policy) {
  ReportOptions options;
  options.tool_version = scangate_version();
  for (const auto& rule : policy.rules())
    options.rules.push_back(rule.name);
  return options;
}

std::string_view scangate_version() {
  return SCANGATE_VERSION;
}

}  // namespace scangate
