#include "executor/job/job_sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/text.h"
#include "executor/job/tool_root.h"
#include "executor/wire/wire.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The shells a job image may have, in the order GitLab Runner's docker executor tries them.
const char* const kShell =
    "for s in /usr/local/bin/bash /usr/bin/bash /bin/bash /usr/local/bin/sh /usr/bin/sh /bin/sh /busybox/sh; do "
    "[ -x \"$s\" ] && exec \"$s\"; done; echo 'this image has no shell' >&2; exit 127";

std::vector<std::string> complete_environment(std::vector<std::string> base, const JobScript& script) {
  std::string path = environment_value(base, "PATH").value_or(std::string(kDefaultPath));
  if (script.gate_folder) path = std::string(wire::kCommands) + ":" + path;
  set_variable(base, "PATH", path);
  if (!environment_value(base, "HOME")) set_variable(base, "HOME", "/root");
  for (const auto& entry : script.environment) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos)
      set_variable(base, std::string_view(entry).substr(0, equals), entry.substr(equals + 1));
  }
  return base;
}

// Where kaniko's own image has its program; scripts call it by this path.
constexpr const char* kKanikoFolder = "/kaniko";
constexpr const char* kKanikoProgram = "/kaniko/executor";

// A folder of the job's own with kaniko's program in it, which scripts also write their config.json into. Its program
// is the shim by way of the gate's folder.
Result<SandboxMount> kaniko_folder(const fs::path& gate_folder) {
  const fs::path folder = gate_folder.parent_path() / "kaniko";
  SCANGATE_CHECK(make_directories(folder / ".docker"));
  std::error_code error;
  fs::remove(folder / "executor", error);
  fs::create_symlink(std::string(wire::kCommands) + "/executor", folder / "executor", error);
  if (error) return fail(host_error("cannot make " + (folder / "executor").string(), error.value()));
  return SandboxMount{.source = folder, .target = kKanikoFolder, .read_only = false};
}

std::vector<SandboxMount> job_mounts(const JobScript& script) {
  std::vector<SandboxMount> mounts = script.mounts;
  if (script.gate_folder) mounts.push_back({.source = *script.gate_folder, .target = wire::kFolder, .read_only = true});
  return mounts;
}

SandboxSpec spec_of(const Engine& engine, const JobScript& script) {
  SandboxSpec spec;
  spec.argv = {"sh", "-c", kShell};
  spec.directory = script.directory;
  spec.hostname = "runner";
  spec.join = script.network;
  spec.no_new_privileges = engine.settings().no_new_privileges;
  spec.stdin_fd = script.script_fd;
  spec.stdout_fd = script.stdout_fd;
  spec.stderr_fd = script.stderr_fd;
  return spec;
}

// The runner's own scripts made the folders as root.
Result<void> give_tree(const fs::path& folder, uid_t uid, gid_t gid, const Cancel& cancel) {
  const auto give = [&](const fs::path& path) -> Result<void> {
    if (lchown(path.c_str(), uid, gid) != 0)
      return fail(host_error("cannot give " + path.string() + " to the job's user", errno));
    return {};
  };
  SCANGATE_CHECK(give(folder));
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (cancel.cancelled()) return fail(cancelled_error());
    SCANGATE_CHECK(give(it->path()));
  }
  if (error) return fail(host_error("cannot read " + folder.string(), error.value()));
  return {};
}

}  // namespace

Result<void> make_gate_folder(const fs::path& folder, const fs::path& shim, std::span<const std::string_view> names) {
  const fs::path bin = folder / "bin";
  SCANGATE_CHECK(make_directories(bin));
  // A copy, not a link: the folder is mounted into sandboxes, where the host's other folders are not.
  auto program = read_file(shim, 64U << 20U);
  if (!program)
    return fail(std::move(program).error().remedy(
        "the shim is installed beside scangate; set 'shim:' in the configuration when it is elsewhere"));
  SCANGATE_CHECK(write_file_atomic(bin / "scangate-shim", as_bytes(*program), 0755));
  for (const std::string_view name : names) {
    std::error_code error;
    fs::remove(bin / name, error);
    fs::create_symlink("scangate-shim", bin / name, error);
    if (error) return fail(host_error("cannot make " + (bin / name).string(), error.value()));
  }
  return {};
}

Result<Exit> run_in_tool_root(Engine& engine, const fs::path& folder, const JobScript& script, const Cancel& cancel,
                              Progress& progress) {
  SCANGATE_TRY(Sandbox * sandbox, engine.sandbox(progress));
  SCANGATE_TRY(const ToolRoot tools, make_tool_root(folder));
  SandboxSpec spec = spec_of(engine, script);
  spec.root = tools.root;
  spec.root_read_only = true;
  spec.mounts = tools.mounts;
  if (script.gate_folder) {
    SCANGATE_TRY(SandboxMount kaniko, kaniko_folder(*script.gate_folder));
    SCANGATE_CHECK(add_tool_root_point(tools, kaniko));
    spec.mounts.push_back(std::move(kaniko));
  }
  auto mounts = job_mounts(script);
  for (auto& mount : name_mounts(script.names)) {
    std::erase_if(spec.mounts, [&](const SandboxMount& other) { return other.target == mount.target; });
    mounts.push_back(std::move(mount));
  }
  for (auto& mount : mounts) {
    SCANGATE_CHECK(add_tool_root_point(tools, mount));
    spec.mounts.push_back(std::move(mount));
  }
  spec.environment = complete_environment({}, script);
  return sandbox->run(spec, cancel, {});
}

Result<Exit> run_in_image(Engine& engine, const ContainerImage& image, const fs::path& kept_root,
                          const JobScript& script, const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(Sandbox * sandbox, engine.sandbox(progress));
  auto mounts = job_mounts(script);
  for (auto& mount : name_mounts(script.names))
    mounts.push_back(std::move(mount));
  SandboxSpec spec = spec_of(engine, script);
  SCANGATE_TRY(const Container container,
               make_container(engine, image, spec.argv, std::move(mounts), kept_root, cancel, progress));
  spec.root = container.spec.root;
  spec.argv = container.spec.argv;
  spec.uid = container.spec.uid;
  spec.gid = container.spec.gid;
  spec.groups = container.spec.groups;
  spec.mounts = container.spec.mounts;
  // An image of kaniko's own kind, under another name than the settings know: its program is not the one to run.
  if (script.gate_folder) {
    SCANGATE_TRY(const UniqueFd root, open_file(spec.root, O_PATH | O_DIRECTORY));
    if (open_in_root(root.get(), kKanikoProgram, O_PATH))
      spec.mounts.push_back({.source = *script.gate_folder / "bin/scangate-shim", .target = kKanikoProgram});
  }
  spec.environment = complete_environment(container.spec.environment, script);
  if (spec.uid != 0)
    for (const auto& mount : script.mounts)
      if (!mount.read_only) SCANGATE_CHECK(give_tree(mount.source, spec.uid, spec.gid, cancel));
  return sandbox->run(spec, cancel, {});
}

}  // namespace scangate
