#include "pipeline/sandbox/bundle.h"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>

#include "base/base64.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/sandbox/seccomp.h"

namespace scangate {
namespace {

using nlohmann::json;

// Inheritable and ambient stay empty: a program without file capabilities that leaves uid 0 must lose them
// (CVE-2022-24769).
json capabilities() {
  const json granted = default_capabilities();
  return {{"bounding", granted}, {"effective", granted}, {"permitted", granted}};
}

json seccomp() {
  json names = json::array();
  for (const auto& call : permitted_system_calls())
    names.push_back(call.name);
  json rules = json::array();
  rules.push_back({{"names", names}, {"action", "SCMP_ACT_ALLOW"}});
  const auto conditional = [&](const char* name, json argument) {
    rules.push_back({{"names", {name}}, {"action", "SCMP_ACT_ALLOW"}, {"args", json::array({std::move(argument)})}});
  };
  for (const auto value : kPermittedPersonalities)
    conditional("personality", {{"index", 0}, {"value", value}, {"op", "SCMP_CMP_EQ"}});
  conditional("clone", {{"index", 0}, {"value", kForbiddenCloneFlags}, {"valueTwo", 0}, {"op", "SCMP_CMP_MASKED_EQ"}});
  conditional("socket", {{"index", 0}, {"value", kForbiddenSocketDomain}, {"op", "SCMP_CMP_NE"}});
  // A filter cannot look into clone3's argument block; "no such call" makes C libraries fall back to clone.
  rules.push_back({{"names", {"clone3"}}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", ENOSYS}});
#if defined(__x86_64__)
  const json architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
#else
  const json architectures = {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
#endif
  return {{"defaultAction", "SCMP_ACT_ERRNO"},
          {"defaultErrnoRet", EPERM},
          {"architectures", architectures},
          {"syscalls", rules}};
}

constexpr std::uint64_t kSharedMemoryBytes = 64U << 20U;

json mount_entry(std::string_view target, std::string_view type, std::string_view source, json options) {
  return {{"destination", target}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

// Flags that a bind mount inherits and that a remount in a user namespace must repeat: mount_namespaces(7), "locked".
void add_inherited_flags(const std::filesystem::path& source, json& options) {
  struct statvfs facts{};
  if (statvfs(source.c_str(), &facts) != 0) return;
  if ((facts.f_flag & ST_NOSUID) != 0) options.push_back("nosuid");
  if ((facts.f_flag & ST_NOEXEC) != 0) options.push_back("noexec");
  if ((facts.f_flag & ST_NOATIME) != 0) options.push_back("noatime");
  if ((facts.f_flag & ST_RDONLY) != 0) options.push_back("ro");
}

// No device cgroup guards us, so "nodev" does: with CAP_MKNOD a program could otherwise make the host's disk in any
// mounted file system and read it. The usable nodes are bind mounts of the host's.
Result<json> mounts(const SandboxSpec& spec, const std::filesystem::path& root, const BundleHost& host) {
  json out = json::array();
  out.push_back(mount_entry("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  out.push_back(
      mount_entry("/dev", "tmpfs", "tmpfs", {"nosuid", "nodev", "noexec", "strictatime", "mode=755", "size=65536k"}));
  out.push_back(mount_entry("/dev/pts", "devpts", "devpts",
                            host.user_namespace
                                ? json{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
                                : json{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  out.push_back(mount_entry("/dev/shm", "tmpfs", "shm",
                            {"nosuid", "noexec", "nodev", "mode=1777",
                             fmt::format("size={}", spec.shared_memory_bytes.value_or(kSharedMemoryBytes))}));
  out.push_back(mount_entry("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (host.user_namespace)  // made read-only before, since "ro" of a recursive bind is not recursive
    out.push_back(mount_entry("/sys", "bind", "/sys", {"rbind", "ro", "nosuid", "noexec", "nodev"}));
  else
    out.push_back(mount_entry("/sys", "sysfs", "sysfs", {"ro", "nosuid", "noexec", "nodev"}));
  // In a user namespace the runtimes bind their default devices by themselves, and trip over ones that are there.
  if (!host.user_namespace)
    for (const std::string name : {"null", "zero", "full", "random", "urandom", "tty"})
      out.push_back(mount_entry("/dev/" + name, "bind", "/dev/" + name, {"bind", "nosuid", "noexec"}));
  for (const auto& mount : spec.mounts) {
    if (!mount.target.starts_with('/'))
      return fail(Fault::user, fmt::format("mount target '{}' is not an absolute path", mount.target));
    if (mount.source.empty()) {
      json options = {"nosuid", "nodev", "mode=1777"};
      if (mount.size_bytes) options.push_back(fmt::format("size={}", *mount.size_bytes));
      if (mount.read_only) options.push_back("ro");
      out.push_back(mount_entry(mount.target, "tmpfs", "tmpfs", options));
      continue;
    }
    json options = {"rbind", "rprivate", "nodev"};
    if (mount.read_only) options.push_back("ro");
    add_inherited_flags(mount.source, options);
    out.push_back(mount_entry(mount.target, "bind", mount.source.string(), options));
  }
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < spec.files.size(); ++i) {
    const SandboxFile& file = spec.files[i];
    if (!file.target.starts_with('/'))
      return fail(Fault::user, fmt::format("mount target '{}' is not an absolute path", file.target));
    bytes += file.content.size();
    if (bytes > kMaxSandboxFileBytes)
      return fail(Fault::user, fmt::format("the files in memory for one run exceed {} bytes", kMaxSandboxFileBytes));
    out.push_back(mount_entry(file.target, "bind", bundle_file(root, i).string(),
                              {"bind", "rprivate", "ro", "nosuid", "nodev", "noexec"}));
  }
  if (host.remount_root) {
    json options = {"remount", "bind", "nodev"};
    if (spec.root_read_only) options.push_back("ro");
    add_inherited_flags(spec.root, options);
    out.push_back(mount_entry("/.", "bind", "/", options));  // not "/", which crun refuses
  }
  return out;
}

Result<json> process(const SandboxSpec& spec) {
  if (spec.argv.empty()) return fail(Fault::user, "there is no command to run");
  for (const auto& argument : spec.argv)
    if (argument.find('\0') != std::string::npos) return fail(Fault::user, "an argument holds a zero byte");
  json user = {{"uid", spec.uid}, {"gid", spec.gid}};
  if (!spec.groups.empty()) user["additionalGids"] = spec.groups;
  json out = {{"terminal", false},
              {"user", user},
              {"args", spec.argv},
              {"env", spec.environment},
              {"cwd", spec.directory},
              {"capabilities", capabilities()},
              {"noNewPrivileges", spec.no_new_privileges}};
  for (const auto& limit : settable_limits(spec.resource_limits)) {
    std::string type = "RLIMIT_";
    for (const char c : limit.name)
      type += static_cast<char>(c - 'a' + 'A');
    out["rlimits"].push_back({{"type", type}, {"soft", limit.soft}, {"hard", limit.hard}});
  }
  return out;
}

struct ResourceName {
  std::string_view name;
  int number;
};
// The names that docker's --ulimit knows; setrlimit(2).
constexpr std::array<ResourceName, 15> kResources = {{{"as", RLIMIT_AS},
                                                      {"core", RLIMIT_CORE},
                                                      {"cpu", RLIMIT_CPU},
                                                      {"data", RLIMIT_DATA},
                                                      {"fsize", RLIMIT_FSIZE},
                                                      {"locks", RLIMIT_LOCKS},
                                                      {"memlock", RLIMIT_MEMLOCK},
                                                      {"msgqueue", RLIMIT_MSGQUEUE},
                                                      {"nice", RLIMIT_NICE},
                                                      {"nofile", RLIMIT_NOFILE},
                                                      {"nproc", RLIMIT_NPROC},
                                                      {"rss", RLIMIT_RSS},
                                                      {"rtprio", RLIMIT_RTPRIO},
                                                      {"sigpending", RLIMIT_SIGPENDING},
                                                      {"stack", RLIMIT_STACK}}};

}  // namespace

bool is_resource_limit(std::string_view name) {
  return std::ranges::find(kResources, name, &ResourceName::name) != kResources.end();
}

int resource_number(std::string_view name) {
  return std::ranges::find(kResources, name, &ResourceName::name)->number;
}

std::vector<SandboxResourceLimit> settable_limits(const std::vector<SandboxResourceLimit>& wanted) {
  std::vector<SandboxResourceLimit> out;
  for (SandboxResourceLimit limit : wanted) {
    if (!is_resource_limit(limit.name)) continue;
    struct rlimit own{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource_number(limit.name)), &own) != 0) continue;
    static_assert(RLIM_INFINITY == kUnlimited);
    limit.hard = std::min<std::uint64_t>(limit.hard, own.rlim_max);
    limit.soft = std::min(limit.soft, limit.hard);
    out.push_back(std::move(limit));
  }
  return out;
}

std::filesystem::path bundle_file(const std::filesystem::path& root, std::size_t index) {
  return root.parent_path() / fmt::format("file-{}", index);
}

const std::vector<std::string>& default_capabilities() {
  static const std::vector<std::string> names = {
      "CAP_AUDIT_WRITE", "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
      "CAP_KILL",        "CAP_MKNOD",   "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",   "CAP_SETFCAP",
      "CAP_SETGID",      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};
  return names;
}

const std::vector<std::string>& masked_paths() {
  static const std::vector<std::string> paths = {"/proc/acpi",
                                                 "/proc/asound",
                                                 "/proc/interrupts",
                                                 "/proc/kcore",
                                                 "/proc/keys",
                                                 "/proc/latency_stats",
                                                 "/proc/sched_debug",
                                                 "/proc/scsi",
                                                 "/proc/timer_list",
                                                 "/proc/timer_stats",
                                                 "/sys/devices/virtual/powercap",
                                                 "/sys/firmware"};
  return paths;
}

const std::vector<std::string>& read_only_paths() {
  static const std::vector<std::string> paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                                 "/proc/sysrq-trigger"};
  return paths;
}

Result<std::string> bundle_config(const SandboxSpec& spec, const std::filesystem::path& root, const BundleHost& host) {
  SCANGATE_TRY(json program, process(spec));
  SCANGATE_TRY(json mount_list, mounts(spec, root, host));
  json namespaces = json::array();
  for (const char* type : {"pid", "ipc", "uts", "mount"})
    namespaces.push_back({{"type", type}});
  if (spec.network == Network::none && spec.join == nullptr) namespaces.push_back({{"type", "network"}});
  json config = {
      {"ociVersion", "1.0.2"},
      {"process", std::move(program)},
      {"root", {{"path", root.string()}, {"readonly", false}}},
      {"hostname", spec.hostname},
      {"mounts", mount_list},
      {"linux", {{"namespaces", namespaces}, {"maskedPaths", masked_paths()}, {"readonlyPaths", read_only_paths()}}}};
  if (host.compiled_filter)
    config["annotations"] = {{"run.oci.seccomp_bpf_data", base64_encode(seccomp_filter())}};
  else
    config["linux"]["seccomp"] = seccomp();
  return dump_json(config);
}

Result<std::string> process_config(const SandboxSpec& spec) {
  SCANGATE_TRY(const json program, process(spec));
  return dump_json(program);
}

}  // namespace scangate
