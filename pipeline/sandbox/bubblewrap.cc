#include "pipeline/sandbox/bubblewrap.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/sandbox/bundle.h"
#include "pipeline/sandbox/network.h"
#include "pipeline/sandbox/sandbox_run.h"
#include "pipeline/sandbox/seccomp.h"
#include "pipeline/sandbox/start_failure.h"

namespace scangate {
namespace {

constexpr int kFilterFd = 3;
constexpr int kFirstFileFd = 4;

class BubblewrapSandbox final : public Sandbox {
 public:
  BubblewrapSandbox(std::string program, ProcessRunner& runner, std::string description, RunLimits limits)
      : program_(std::move(program)),
        runner_(runner),
        description_(std::move(description)),
        limits_(std::move(limits)) {}

  const std::string& description() const override { return description_; }

  Result<Exit> run(const SandboxSpec& spec, const Cancel& cancel, const ProcessRunner::OnOutput& on_output) override {
    if (cancel.cancelled()) return fail(cancelled_error());
    if (spec.argv.empty()) return fail(Fault::user, "there is no command to run");
    if (spec.uid != 0 || spec.gid != 0 || !spec.groups.empty())
      return fail(Error(Fault::host, fmt::format("bubblewrap cannot run a program as user {}:{}", spec.uid, spec.gid))
                      .remedy("install crun or runc"));
    const UniqueFd filter(memfd_create("seccomp filter", MFD_CLOEXEC));
    if (!filter) return fail(host_error("cannot make a file in memory", errno));
    SCANGATE_CHECK(write_fd(filter.get(), as_bytes(seccomp_filter()), "the seccomp filter"));
    lseek(filter.get(), 0, SEEK_SET);

    Command command;
    command.argv = arguments(spec);
    command.environment = spec.environment;  // bubblewrap looks the program up on this PATH inside the root
    command.directory = "/";
    command.input = spec.input;
    command.stdin_fd = spec.stdin_fd;
    command.stdout_fd = spec.stdout_fd;
    command.stderr_fd = spec.stderr_fd;
    command.inherit = {{filter.get(), kFilterFd}};
    std::vector<UniqueFd> files;
    std::size_t bytes = 0;
    for (const SandboxFile& file : spec.files) {
      bytes += file.content.size();
      if (bytes > kMaxSandboxFileBytes)
        return fail(Fault::user, fmt::format("the files in memory for one run exceed {} bytes", kMaxSandboxFileBytes));
      UniqueFd fd(memfd_create("sandbox file", MFD_CLOEXEC));
      if (!fd) return fail(host_error("cannot make a file in memory", errno));
      SCANGATE_CHECK(write_fd(fd.get(), as_bytes(file.content), "a file in memory"));
      lseek(fd.get(), 0, SEEK_SET);
      command.inherit.emplace_back(fd.get(), kFirstFileFd + static_cast<int>(files.size()));
      files.push_back(std::move(fd));
    }
    std::vector<std::pair<int, struct rlimit>> resources;
    for (const auto& limit : settable_limits(spec.resource_limits))
      resources.emplace_back(resource_number(limit.name), rlimit{limit.soft, limit.hard});
    command.kill_after = spec.kill_after;
    const int network_fd = spec.join == nullptr ? -1 : spec.join->namespace_fd();
    SCANGATE_TRY(const auto group, limits_.group_for(spec));
    command.before_exec = [network_fd, &group, &resources] {
      if (const int number = group->join(); number != 0) return number;
      for (const auto& [number, limit] : resources)
        if (setrlimit(static_cast<__rlimit_resource_t>(number), &limit) != 0) return errno;
      return network_fd < 0 || setns(network_fd, CLONE_NEWNET) == 0 ? 0 : errno;
    };
    command.dies_with_us = true;
    const RunningHandle handle(spec.handle);
    command.started = [&handle](int pid) { handle.begun(pid); };
    const MemoryWatch memory(*group, spec);
    Complaints complaints(on_output);
    auto exit =
        runner_.run(command, cancel, [&](Stream stream, std::string_view text) { complaints.take(stream, text); });
    memory.tell();
    if (!exit) return exit;
    if (exit->shell_code() == 1 && complaints.held().starts_with("bwrap: ")) {
      if (const auto fault = program_fault(spec, complaints.held())) return fail(not_started(spec, *fault));
      return fail(Fault::host, std::string(trim(printable(complaints.held()))));
    }
    complaints.release();
    return exit;
  }

  Result<Exit> run_within(const SandboxRun&, const SandboxSpec&, const Cancel&,
                          const ProcessRunner::OnOutput&) override {
    return fail(Error(Fault::host, "bubblewrap cannot start a further program in a container that runs")
                    .remedy("install crun or runc"));
  }

 private:
  std::vector<std::string> arguments(const SandboxSpec& spec) const {
    std::vector<std::string> out = {
        program_,           "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup", "--hostname",        spec.hostname,   "--cap-drop",    "ALL"};
    if (spec.network == Network::none && spec.join == nullptr) out.emplace_back("--unshare-net");
    for (const auto& capability : default_capabilities())
      out.insert(out.end(), {"--cap-add", capability});
    // Its bind mounts are nodev unless asked otherwise.
    out.insert(out.end(),
               {spec.root_read_only ? "--ro-bind" : "--bind", std::filesystem::absolute(spec.root).string(), "/"});
    out.insert(out.end(), {"--proc", "/proc", "--dev", "/dev", "--mqueue", "/dev/mqueue", "--ro-bind", "/sys", "/sys"});
    if (spec.shared_memory_bytes)
      out.insert(out.end(),
                 {"--size", std::to_string(*spec.shared_memory_bytes), "--perms", "1777", "--tmpfs", "/dev/shm"});
    for (const auto& path : read_only_paths())
      if (access(path.c_str(), F_OK) == 0) out.insert(out.end(), {"--ro-bind", path, path});
    for (const auto& path : masked_paths()) {
      std::error_code ignored;
      if (std::filesystem::is_directory(path, ignored))
        out.insert(out.end(), {"--tmpfs", path, "--remount-ro", path});
      else if (access(path.c_str(), F_OK) == 0)
        out.insert(out.end(), {"--ro-bind", "/dev/null", path});
    }
    for (const auto& mount : spec.mounts) {
      if (mount.source.empty()) {
        if (mount.size_bytes) out.insert(out.end(), {"--size", std::to_string(*mount.size_bytes)});
        out.insert(out.end(), {"--perms", "1777", "--tmpfs", mount.target});
      } else {
        out.insert(out.end(), {mount.read_only ? "--ro-bind" : "--bind", mount.source.string(), mount.target});
      }
    }
    for (std::size_t i = 0; i < spec.files.size(); ++i)
      out.insert(out.end(), {"--perms", fmt::format("{:04o}", spec.files[i].mode), "--ro-bind-data",
                             std::to_string(kFirstFileFd + static_cast<int>(i)), spec.files[i].target});
    out.insert(out.end(), {"--seccomp", std::to_string(kFilterFd), "--chdir", spec.directory, "--"});
    out.insert(out.end(), spec.argv.begin(), spec.argv.end());
    return out;
  }

  std::string program_;
  ProcessRunner& runner_;
  std::string description_;
  RunLimits limits_;
};

}  // namespace

std::unique_ptr<Sandbox> make_bubblewrap_sandbox(std::string program, ProcessRunner& runner, std::string description,
                                                 RunLimits limits) {
  return std::make_unique<BubblewrapSandbox>(std::move(program), runner, std::move(description), std::move(limits));
}

}  // namespace scangate
