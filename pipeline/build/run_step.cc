#include "pipeline/build/run_step.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/deadline.h"
#include "base/file.h"
#include "base/text.h"
#include "pipeline/build/accounts.h"
#include "pipeline/build/build.h"
#include "pipeline/build/ca_bundle.h"
#include "pipeline/build/extra_certificates.h"
#include "pipeline/build/source_tree.h"
#include "pipeline/sandbox/network.h"
#include "scan/inventory/inventory.h"

namespace scangate::build {
namespace {

constexpr std::size_t kMaxNetworkFileBytes = 1024 * 1024;
constexpr std::string_view kPlainHosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

Result<std::string> text_or_nothing(SourceTree& tree, const std::string& path) {
  SCANGATE_TRY(const std::string resolved, resolve_path(tree, path));
  SCANGATE_TRY(auto node, tree.node(resolved));
  if (!node || node->type != EntryType::file) return std::string();
  return tree.read_text(resolved, kMaxAccountsBytes);
}

// A private copy of a host file that the step may write to: image scripts edit resolv.conf, and docker lets them.
Result<void> lend_file(Workspace& workspace, SandboxSpec& spec, const std::filesystem::path& folder,
                       const std::string& target, std::string_view text, mode_t mode) {
  const auto source = folder / std::filesystem::path(target).filename();
  SCANGATE_CHECK(write_file_atomic(source, as_bytes(text), mode));
  SCANGATE_CHECK(workspace.add_mount_point(target, Workspace::PointKind::file));
  spec.mounts.push_back({source, target, false});
  return {};
}

std::string host_text(const char* path, std::string_view otherwise) {
  auto text = read_file(path, kMaxNetworkFileBytes);
  return text ? *text : std::string(otherwise);
}

// Docker makes the working directory when it is missing; it stays in the layer.
Result<void> make_directory_in(const std::filesystem::path& root, SourceTree& tree, const std::string& directory) {
  SCANGATE_TRY(const std::string resolved, resolve_path(tree, directory));
  SCANGATE_TRY(auto fd, open_file(root, O_RDONLY | O_DIRECTORY));
  std::string path;
  std::size_t start = 0;
  while (start < resolved.size()) {
    const std::size_t end = std::min(resolved.find('/', start), resolved.size());
    path = resolved.substr(0, end);
    start = end + 1;
    SCANGATE_TRY(auto parent, open_in_root(fd.get(), "./" + std::string(parent_path(path)), O_PATH | O_DIRECTORY));
    if (::mkdirat(parent.get(), std::string(base_name(path)).c_str(), 0755) != 0 && errno != EEXIST)
      return fail(host_error(fmt::format("cannot make the working directory /{}", path), errno));
  }
  return {};
}

// As timeout(1) ends.
constexpr int kTimedOut = 124;

void tell_limits(const SandboxReport& report, StepLog::Step& log) {
  if (report.host_limits_instead)
    log.output("note: this host limits each job as a whole, so the limits of the build are not set\n");
  if (!report.not_limited.empty())
    log.output(fmt::format("note: this host cannot limit {} of a step: its control groups cannot be written\n",
                           fmt::join(report.not_limited, ", ")));
}

std::string resolv_conf(const BuildHost& host) {
  if (host.network != nullptr && host.network->resolv_conf()) return *host.network->resolv_conf();
  return host_text("/etc/resolv.conf", "");
}

}  // namespace

Result<RunResult> run_step(const RunStep& step, const BuildHost& host, const StageState& state,
                           const LayerOptions& options, StepLog::Step& log, const Cancel& cancel, Progress& progress) {
  // Declared before the workspace: the mounts' sources outlive the mount.
  SCANGATE_TRY(auto files, host.store->make_work_folder("run"));
  SCANGATE_TRY(auto workspace, host.snapshots->mount(state.diff_ids(), cancel, progress));
  SCANGATE_TRY(auto tree, SourceTree::open(workspace.root(), "the image", {}));

  Accounts accounts;
  SCANGATE_TRY(accounts.passwd, text_or_nothing(tree, "etc/passwd"));
  SCANGATE_TRY(accounts.group, text_or_nothing(tree, "etc/group"));
  SCANGATE_TRY(const RunUser user, parse_run_user(step.user, accounts));

  SandboxSpec spec;
  spec.root = workspace.root();
  spec.argv = step.argv;
  spec.environment = step.environment;
  spec.directory = step.directory;
  spec.uid = user.owner.uid;
  spec.gid = user.owner.gid;
  spec.groups = user.groups;
  spec.network = step.network;
  if (step.network == Network::host) spec.join = host.network;
  for (const std::string& each : step.host_environment) {
    const std::string name = each.substr(0, each.find('='));
    if (!environment_value(spec.environment, name)) spec.environment.push_back(each);
  }
  if (!environment_value(spec.environment, "PATH")) spec.environment.emplace_back(kDefaultPath);
  if (!environment_value(spec.environment, "HOME")) spec.environment.push_back("HOME=" + user.home);

  for (const std::string& each : step.secret_environment)
    set_environment(spec.environment, each.substr(0, each.find('=')), each.substr(each.find('=') + 1));
  spec.shared_memory_bytes = step.options.shared_memory_bytes;
  spec.resource_limits = step.options.resource_limits;
  spec.limits = step.options.limits;
  SandboxReport report;
  spec.report = &report;

  SCANGATE_CHECK(make_directory_in(workspace.root(), tree, step.directory));
  for (const std::string& point : sandbox_mount_points())
    SCANGATE_CHECK(workspace.add_mount_point(point, Workspace::PointKind::directory));
  const bool online = step.network == Network::host;
  std::string hosts = online ? host_text("/etc/hosts", kPlainHosts) : std::string(kPlainHosts);
  // Java and others look up their own name.
  if (!hosts.empty() && !hosts.ends_with('\n')) hosts += '\n';
  hosts += fmt::format("127.0.0.1\t{}\n", spec.hostname);
  for (const auto& [name, address] : step.options.add_hosts)
    hosts += fmt::format("{}\t{}\n", address, name);
  SCANGATE_CHECK(lend_file(workspace, spec, files.path(), "/etc/hosts", hosts, 0644));
  SCANGATE_CHECK(
      lend_file(workspace, spec, files.path(), "/etc/resolv.conf", online ? resolv_conf(host) : std::string(), 0644));
  if (step.script)
    SCANGATE_CHECK(lend_file(workspace, spec, files.path(), std::string(kScriptPath), *step.script, 0755));
  for (const StepMount& each : step.mounts) {
    SCANGATE_CHECK(workspace.add_mount_point(each.mount.target, each.kind));
    spec.mounts.push_back(each.mount);
  }
  for (const SandboxFile& each : step.files)
    SCANGATE_CHECK(workspace.add_mount_point(each.target, Workspace::PointKind::file));
  spec.files = step.files;
  SCANGATE_TRY(auto extra, ExtraCertificates::lend(workspace.root(), workspace.upper(), host.ca_bundle));
  SCANGATE_TRY(auto certificates, CaBundle::lend(workspace.root(), host.ca_bundle));

  std::optional<Deadline> deadline;
  if (host.run_timeout) deadline.emplace(cancel, *host.run_timeout);
  auto exit = host.sandbox->run(spec, deadline ? deadline->cancel() : cancel,
                                [&](Stream, std::string_view text) { log.output(text); });
  RunResult result;
  tell_limits(report, log);
  if (deadline && deadline->passed()) {
    result.exit_code = kTimedOut;
    result.why = fmt::format("stopped after {} s, the host's limit for one RUN (build: run_timeout_minutes)",
                             host.run_timeout->count());
    return result;
  }
  if (cancel.cancelled()) return fail(cancelled_error());
  if (!exit) return fail(std::move(exit).error());
  result.exit_code = exit->shell_code();
  if (result.exit_code != 0) {
    if (report.memory_exceeded_bytes)
      result.why = fmt::format("killed: out of memory (limit {})", human_bytes(*report.memory_exceeded_bytes));
    return result;
  }
  SCANGATE_CHECK(certificates.take_back());
  SCANGATE_CHECK(extra.take_back());
  LayerCataloger cataloger;
  SCANGATE_TRY(result.layer, workspace.commit(options, {&cataloger}, cancel));
  if (result.layer)
    SCANGATE_CHECK(
        host.store->cache_put("inventory", inventory_key(result.layer->diff_id), cataloger.finish().serialise()));
  return result;
}

}  // namespace scangate::build
