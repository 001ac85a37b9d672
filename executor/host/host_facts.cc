#include "executor/host/host_facts.h"

#include <elf.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/file.h"
#include "base/text.h"
#include "executor/host/toml.h"
#include "pipeline/image/snapshot.h"
#include "pipeline/image/store.h"
#include "pipeline/registry/endpoint.h"
#include "pipeline/sandbox/cgroups.h"
#include "pipeline/sandbox/network.h"
#include "pipeline/sandbox/sandbox.h"
#include "scan/advisory/advisory.h"
#include "scan/policy/policy.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// Files of /proc, /sys and /etc that are read whole; /etc/subuid of a large installation is the largest.
constexpr std::size_t kMaxHostFileBytes = 1U << 20U;
constexpr std::size_t kMaxPolicyBytes = 1U << 20U;
// The shim has five program headers; a file with more than this is not ours.
constexpr std::size_t kMaxProgramHeaders = 64;
// Somebody waits in front of the screen; a registry that needs longer is told as not answering.
constexpr std::chrono::seconds kRegistryTimeout{5};
constexpr std::uint64_t kMaxPingReplyBytes = 1U << 20U;

std::optional<std::string> small_file(const fs::path& path) {
  auto text = read_file(path, kMaxHostFileBytes);
  if (!text) return std::nullopt;
  return std::move(*text);
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const std::string_view word = trim(text);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> kernel_setting(const fs::path& path) {
  const auto text = small_file(path);
  return text ? number_in<std::int64_t>(*text) : std::nullopt;
}

std::optional<bool> kernel_switch(const fs::path& path) {
  const auto value = kernel_setting(path);
  return value ? std::optional(*value != 0) : std::nullopt;
}

std::string own_name() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::to_string(geteuid());
  return found->pw_name;
}

// subuid(5): "name-or-number:first:count"; the first line of the user counts, as it does for the sandbox.
std::uint64_t subordinate_count(const fs::path& path, const std::string& user) {
  const auto text = small_file(path);
  if (!text) return 0;
  for (const auto& line : split(*text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() == 3 && (fields[0] == user || fields[0] == std::to_string(geteuid())))
      return number_in<std::uint64_t>(fields[2]).value_or(0);
  }
  return 0;
}

void read_cgroups(HostFacts& facts) {
  std::error_code ignored;
  const fs::path root = "/sys/fs/cgroup";
  if (fs::exists(root / "cgroup.controllers", ignored))
    facts.cgroups = HostFacts::Cgroups::v2;
  else if (fs::exists(root / "unified", ignored))
    facts.cgroups = HostFacts::Cgroups::hybrid;
  else if (fs::exists(root / "memory", ignored) || fs::exists(root / "pids", ignored))
    facts.cgroups = HostFacts::Cgroups::v1;
  // Tried, as a job would: whether a group can be made is not to be seen from outside.
  const SandboxLimits all{.memory_bytes = std::uint64_t{64} << 20U, .cpus = 1.0, .processes = 64};
  const auto groups = Cgroups::probe(all);
  const auto made = groups->make(all);
  facts.limits = made ? Trial{groups->complete(), groups->description()} : Trial{false, made.error().text()};
}

void read_runner_config(HostFacts& facts, const FactsRequest& request) {
  facts.runner_config = request.runner_config.string();
  std::error_code failed;
  if (request.runner_config.empty()) return;
  facts.runner_config_there = fs::exists(request.runner_config, failed);
  if (failed) facts.runner_config_error = host_error("cannot look at " + facts.runner_config, failed.value()).text();
  if (!facts.runner_config_there) return;
  const auto text = read_file(request.runner_config, toml::kMaxTomlBytes);
  if (!text) {
    facts.runner_config_error = text.error().text();
    return;
  }
  auto runners = configured_runners(*text, facts.runner_config);
  if (!runners) {
    facts.runner_config_error = runners.error().text();
    return;
  }
  facts.runners = std::move(*runners);
  for (const auto& runner : facts.runners)
    if (runner.calls_scangate()) {
      facts.runner_program_there = access(runner.run_exec.c_str(), X_OK) == 0;
      return;
    }
}

Trial try_policy(const Settings& settings) {
  if (!settings.policy) return {true, "built in"};
  const auto yaml = read_file(*settings.policy, kMaxPolicyBytes);
  if (!yaml) return {false, yaml.error().text()};
  const auto policy = Policy::parse(*yaml, settings.policy->string());
  if (!policy) return {false, policy.error().text()};
  return {true, fmt::format("'{}' from {}", printable(policy->name()), settings.policy->string())};
}

// The store itself when it is there, else an empty one on the same file system, dropped with `temporary`.
Result<std::shared_ptr<Store>> store_to_try(const fs::path& root, std::optional<TempDir>& temporary) {
  std::error_code ignored;
  if (fs::exists(root / "index.db", ignored)) return Store::open(root);
  fs::path parent = root;
  while (!fs::exists(parent, ignored) && parent.has_parent_path() && parent != parent.parent_path())
    parent = parent.parent_path();
  SCANGATE_TRY(temporary, TempDir::make(parent, ".scangate-doctor-"));
  return Store::open(temporary->path() / "store");
}

void try_store(HostFacts& facts, const FactsRequest& request, ProcessRunner& runner) {
  std::optional<TempDir> temporary;
  auto store = store_to_try(request.settings.store, temporary);
  if (!store) {
    facts.store_writable = {false, store.error().text()};
    facts.overlay = facts.sandbox = facts.network = {false, "not tried: the store cannot be written"};
    return;
  }
  struct statvfs space{};
  if (statvfs((*store)->root().c_str(), &space) == 0)
    facts.store_free_bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  if (auto work = (*store)->make_work_folder("doctor-"); !work) {
    facts.store_writable = {false, work.error().text()};
    facts.overlay = facts.sandbox = facts.network = {false, "not tried: the store cannot be written"};
    return;
  } else {
    facts.store_writable = {true, temporary ? "not made yet" : ""};
    if (!facts.namespaces.works) {
      facts.overlay = facts.sandbox = facts.network = {false, "not tried: no namespaces"};
      return;
    }
    const auto snapshots = Snapshots::probe(*store);
    facts.overlay = snapshots ? Trial{true, std::string(snapshot_mode_name(snapshots->mode()))}
                              : Trial{false, snapshots.error().text()};
    const auto sandbox = probe_sandbox({.runtime = request.settings.runtime,
                                        .state_folder = work->path() / "sandbox",
                                        .limits = request.settings.limits},
                                       runner);
    facts.sandbox = sandbox ? Trial{true, (*sandbox)->description()} : Trial{false, sandbox.error().text()};
    const auto network = JobNetwork::make({.choice = request.settings.network,
                                           .host_loopback_ports = request.settings.allow_host_loopback,
                                           .state_folder = work->path() / "sandbox"},
                                          runner);
    facts.network = network ? Trial{true, (*network)->description()} : Trial{false, network.error().text()};
    facts.network_own = network && !(*network)->is_host();
    facts.network_names =
        !facts.network_own || request.settings.network == NetworkChoice::none || (*network)->name_server_answers();
  }
}

void try_advisories(HostFacts& facts, const FactsRequest& request) {
  facts.database = request.settings.database.string();
  const auto database = AdvisoryDatabase::open(request.settings.database);
  if (!database) {
    facts.advisories = {false, database.error().text()};
    return;
  }
  facts.advisories = {true, ""};
  for (const auto& source : (*database)->sources()) {
    ++facts.advisory_sources;
    facts.advisory_records += source.records;
    // Records without dates are as old as their import.
    const auto newest = source.newest ? source.newest : source.imported;
    if (newest && (!facts.advisory_newest || *newest > *facts.advisory_newest)) facts.advisory_newest = newest;
  }
}

RegistryAnswer ask_registry(const RegistrySettings& settings, const std::string& host, HttpTransport& transport,
                            const Cancel& cancel) {
  const Endpoint endpoint = make_endpoint(settings, host, "");
  RegistryAnswer out{.host = endpoint.registry, .url = endpoint.url("")};
  HttpRequest request;
  request.url = out.url;
  request.plain_http = endpoint.base.scheme == "http";
  request.verify_certificates = endpoint.settings.verify_certificates;
  request.ca_file = endpoint.settings.ca_file;
  request.stall_timeout = kRegistryTimeout;
  request.timeout = kRegistryTimeout;
  request.max_reply_bytes = kMaxPingReplyBytes;
  StringSink sink(kMaxPingReplyBytes);
  const auto reply = transport.send(request, sink, cancel);
  if (reply)
    out.status = reply->status;
  else
    out.error = reply.error().cause();
  return out;
}

void ask_registries(HostFacts& facts, const FactsRequest& request, HttpTransport& transport, const Cancel& cancel) {
  std::vector<std::string> hosts;
  const auto add = [&](const std::string& host) {
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
  };
  for (const auto& [host, settings] : request.settings.registries.hosts) {
    // A registry that is only reached through its mirrors may be out of reach itself; the rule for that is diagnosis's.
    for (const auto& mirror : settings.mirrors)
      add(mirror.substr(0, mirror.find('/')));
    add(host);
  }
  for (const auto& host : hosts) {
    if (cancel.cancelled()) return;
    facts.registries.push_back(ask_registry(request.settings.registries, host, transport, cancel));
  }
}

}  // namespace

ShimKind shim_kind(const fs::path& path) {
  const auto fd = open_file(path, O_RDONLY);
  if (!fd) return ShimKind::missing;
  Elf64_Ehdr header{};
  if (pread(fd->get(), &header, sizeof header, 0) != sizeof header ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kMaxProgramHeaders)
    return ShimKind::not_a_program;
  if (access(path.c_str(), X_OK) != 0) return ShimKind::not_executable;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part{};
    if (pread(fd->get(), &part, sizeof part, static_cast<off_t>(header.e_phoff + i * sizeof part)) != sizeof part)
      return ShimKind::not_a_program;
    if (part.p_type == PT_INTERP) return ShimKind::dynamic;
  }
  return ShimKind::static_program;
}

HostFacts read_host(const FactsRequest& request) {
  HostFacts facts;
  facts.as_root = geteuid() == 0;
  facts.user = own_name();
  facts.program = request.program.string();
  facts.now = request.clock.now();
  // sbin too: newer systems' users have it, and so do services.
  const std::string path = environment_value(request.environment, "PATH")
                               .value_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  for (const std::string name : {"newuidmap", "newgidmap", "pasta", "slirp4netns", "git", "git-lfs", "gitlab-runner"})
    if (const auto found = find_program(name, path)) facts.programs[name] = *found;
  utsname kernel{};
  if (uname(&kernel) == 0) facts.kernel_release = static_cast<const char*>(kernel.release);
  facts.max_user_namespaces = kernel_setting("/proc/sys/user/max_user_namespaces");
  facts.unprivileged_namespaces = kernel_switch("/proc/sys/kernel/unprivileged_userns_clone");
  facts.apparmor_restricts_namespaces = kernel_switch("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  std::error_code ignored;
  facts.seccomp_filter = fs::exists("/proc/sys/kernel/seccomp/actions_avail", ignored);
  facts.certificates = fs::exists("/etc/ssl/certs/ca-certificates.crt", ignored);
  read_cgroups(facts);
  facts.subordinate_uids = subordinate_count("/etc/subuid", facts.user);
  facts.subordinate_gids = subordinate_count("/etc/subgid", facts.user);
  facts.config_file = request.config_file;
  facts.enforce = request.settings.enforce;
  facts.network_choice = request.settings.network;
  facts.policy = try_policy(request.settings);
  facts.store = request.settings.store.string();
  facts.shim = request.settings.shim.string();
  facts.shim_kind = shim_kind(request.settings.shim);
  read_runner_config(facts, request);
  return facts;
}

void try_host(HostFacts& facts, const FactsRequest& request, ProcessRunner& runner, HttpTransport& transport,
              const Cancel& cancel) {
  try_store(facts, request, runner);
  try_advisories(facts, request);
  ask_registries(facts, request, transport, cancel);
}

}  // namespace scangate
