#include "pipeline/sandbox/oci_runtime.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/file.h"
#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/sandbox/bundle.h"
#include "pipeline/sandbox/network.h"
#include "pipeline/sandbox/sandbox_run.h"
#include "pipeline/sandbox/start_failure.h"

namespace scangate {
namespace {

// A runtime logs a handful of lines; what a broken one writes beyond this is not read.
constexpr std::size_t kMaxLogBytes = 64U << 10U;
constexpr int kLogFd = 3;
constexpr int kProcessFd = 4;
constexpr const char* kContainerName = "sandbox";  // alone in its state folder, so any name is unique

// struct mount_attr of mount_setattr(2), kernel 5.12; glibc 2.36 has it, older ones do not.
struct MountAttributes {
  std::uint64_t set = 0, clear = 0, propagation = 0, user_namespace = 0;
};
constexpr std::uint64_t kReadOnly = 0x1, kNoSuid = 0x2, kNoDev = 0x4, kNoExec = 0x8;

int set_attributes(const char* path, std::uint64_t set) {
  MountAttributes attributes{.set = set};
  constexpr unsigned kRecursive = 0x8000;  // AT_RECURSIVE
  return static_cast<int>(syscall(SYS_mount_setattr, AT_FDCWD, path, kRecursive, &attributes, sizeof attributes));
}

// What the child does before it becomes the runtime: prepared strings and bare system calls only.
//
// The runtime is made the init of a pid namespace and dies with us; then the kernel ends every process in it, and with
// the last one its mount namespace goes, in which the bundle, the runtime's state and all mounts lie on a tmpfs. So
// even a SIGKILL of ours leaves nothing, and no supervisor has to live on.
struct Preparation {
  std::string run_folder;
  std::string root;
  std::string root_here;  // run_folder/rootfs
  std::string sys_here;
  std::string config_file;
  std::string config;
  struct File {
    std::string path;
    const SandboxFile* file;
  };
  std::vector<File> files;
  std::uint64_t root_attributes = kNoDev;
  bool mount_cgroup2 = false;
  bool bind_sys = false;
  int network_fd = -1;  // the namespace to run in; -1: ours
  const Cgroup* group = nullptr;
  const char* volatile* failed_step = nullptr;  // shared with the parent

  int fail_at(const char* step) const {
    const int number = errno;
    *failed_step = step;
    return number == 0 ? EIO : number;
  }

  int operator()() const {
    if (const int number = group->join(); number != 0) {
      errno = number;
      return fail_at("entering the control group");
    }
    // The runtime then takes it for the host's.
    if (network_fd >= 0 && setns(network_fd, CLONE_NEWNET) != 0) return fail_at("entering the job's network");
    if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return fail_at("making mounts private");
    if (mount("tmpfs", run_folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=700,size=16m") != 0)
      return fail_at("mounting a tmpfs for the bundle");
    if (mkdir(root_here.c_str(), 0700) != 0) return fail_at("making the bundle");
    if (mount(root.c_str(), root_here.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
      return fail_at("binding the root file system");
    // A host root brings its own /sys along, and the kernel refuses the same sysfs twice on one mount point. Where it
    // is not mounted, or locked in a user namespace, there is nothing to do.
    umount2(sys_here.c_str(), MNT_DETACH);
    if (set_attributes(root_here.c_str(), root_attributes) != 0)
      return fail_at("setting nodev on the root file system");
    // crun 1.8 refuses a host with both cgroup versions, and needs none of them when its manager is disabled. runc ends
    // with an Error when it cannot find the devices controller, but not when it may not write there.
    if (mount_cgroup2) {
      if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
        return fail_at("mounting cgroup2");
    } else if (set_attributes("/sys/fs/cgroup", kReadOnly) != 0 && errno != ENOENT) {
      return fail_at("making the cgroups read-only");
    }
    if (bind_sys && set_attributes("/sys", kReadOnly | kNoSuid | kNoDev | kNoExec) != 0)
      return fail_at("making /sys read-only");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
      return fail_at("mounting /proc");
    if (!write_new(config_file.c_str(), config, 0, 0, 0600)) return fail_at("writing the bundle");
    for (const File& each : files)
      if (!write_new(each.path.c_str(), each.file->content, each.file->uid, each.file->gid, each.file->mode))
        return fail_at("writing a file in memory");
    return 0;
  }

  static bool write_new(const char* path, const std::string& text, uid_t uid, gid_t gid, mode_t mode) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const char* from = text.data();
    std::size_t left = text.size();
    while (left > 0) {
      const ssize_t count = write(fd, from, left);
      if (count < 0) return false;
      from += count;
      left -= static_cast<std::size_t>(count);
    }
    // The mode last: giving a file away clears its set-id bits.
    const bool done = fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0;
    close(fd);
    return done;
  }
};

// What the child does to join a sandbox that goes on. Only a child of its own gets into the pid namespace: that one
// becomes the runtime, and this process waits for it and passes its exit code on.
struct Joining {
  const SandboxRun::Namespaces* to;
  int network_fd = -1;
  const Cgroup* group = nullptr;

  int operator()() const {
    if (const int number = group->join(); number != 0) return number;
    if (network_fd >= 0 && setns(network_fd, CLONE_NEWNET) != 0) return errno;
    if (setns(to->control_groups.get(), CLONE_NEWCGROUP) != 0 || setns(to->pid.get(), CLONE_NEWPID) != 0 ||
        setns(to->mount.get(), CLONE_NEWNS) != 0)
      return errno;
    // fork() takes locks that a thread of the parent may have held.
    const long child = syscall(SYS_clone, static_cast<unsigned long>(SIGCHLD), nullptr, nullptr, nullptr, nullptr);
    // The namespace takes no more processes once its first has ended.
    if (child < 0) return errno;
    if (child == 0) return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : errno;
    syscall(SYS_close_range, 0U, ~0U, 0U);
    int status = 0;
    while (waitpid(static_cast<pid_t>(child), &status, 0) < 0 && errno == EINTR) {
    }
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  }
};

// A word that parent and child both see.
class SharedStep {
 public:
  SharedStep() : page_(mmap(nullptr, sizeof(const char*), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  ~SharedStep() {
    if (page_ != MAP_FAILED) munmap(page_, sizeof(const char*));
  }
  SharedStep(const SharedStep&) = delete;
  SharedStep& operator=(const SharedStep&) = delete;
  bool ok() const { return page_ != MAP_FAILED; }
  const char* volatile* get() const { return static_cast<const char* volatile*>(page_); }

 private:
  void* page_;
};

// The message of the first error in a log of JSON lines; empty when there is none.
std::string logged_error(int log_fd) {
  // Not read(): the runtime may still write at the shared offset.
  std::string text(kMaxLogBytes, '\0');
  const ssize_t count = pread(log_fd, text.data(), text.size(), 0);
  text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  for (const auto& line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto entry = parse_json(line, "the runtime's log");
    if (entry && entry->is_object()) {
      if (json_string(*entry, "level") == "error") return json_string(*entry, "msg");
    }
  }
  return {};
}

class OciSandbox final : public Sandbox {
 public:
  OciSandbox(OciRuntime runtime, std::string program, std::filesystem::path run_folder, ProcessRunner& runner,
             std::string description, RunLimits limits)
      : runtime_(runtime),
        program_(std::move(program)),
        run_folder_(std::move(run_folder)),
        runner_(runner),
        description_(std::move(description)),
        limits_(std::move(limits)) {
    host_.user_namespace = in_user_namespace();
    host_.compiled_filter = runtime_ == OciRuntime::crun;
    host_.remount_root = runtime_ == OciRuntime::crun;
  }

  const std::string& description() const override { return description_; }

  Result<Exit> run(const SandboxSpec& spec, const Cancel& cancel, const ProcessRunner::OnOutput& on_output) override {
    if (cancel.cancelled()) return fail(cancelled_error());
    const SharedStep step;
    if (!step.ok()) return fail(host_error("cannot map memory", errno));
    Preparation preparation;
    preparation.run_folder = run_folder_.string();
    preparation.root = spec.root.string();
    preparation.root_here = (run_folder_ / "rootfs").string();
    if (spec.root_read_only) preparation.root_attributes |= kReadOnly;
    preparation.sys_here = preparation.root_here + "/sys";
    preparation.config_file = (run_folder_ / "config.json").string();
    preparation.mount_cgroup2 = runtime_ == OciRuntime::crun;
    preparation.bind_sys = host_.user_namespace;
    preparation.network_fd = spec.join == nullptr ? -1 : spec.join->namespace_fd();
    // Declared before the run, so removed after it.
    SCANGATE_TRY(const auto group, limits_.group_for(spec));
    preparation.group = group.get();
    preparation.failed_step = step.get();
    for (std::size_t i = 0; i < spec.files.size(); ++i)
      preparation.files.push_back({bundle_file(preparation.root_here, i).string(), &spec.files[i]});
    SCANGATE_TRY(preparation.config, bundle_config(spec, preparation.root_here, host_));
    const UniqueFd log(memfd_create("runtime log", MFD_CLOEXEC));
    if (!log) return fail(host_error("cannot make a file in memory", errno));

    Command command = runtime_command(spec, log.get(), {"run", "--bundle", preparation.run_folder, kContainerName});
    command.namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWCGROUP;
    command.before_exec = std::cref(preparation);
    const RunningHandle handle(spec.handle);
    command.started = [&handle](int pid) { handle.begun(pid); };

    const MemoryWatch memory(*group, spec);
    Complaints complaints(on_output);
    auto exit =
        runner_.run(command, cancel, [&](Stream stream, std::string_view text) { complaints.take(stream, text); });
    memory.tell();
    if (!exit) {
      if (*step.get() != nullptr)
        return fail(
            Error(Fault::host, fmt::format("cannot set up a sandbox: {}: {}", *step.get(), exit.error().cause()))
                .remedy("run as root, or where user namespaces are allowed"));
      return exit;
    }
    SCANGATE_CHECK(started(spec, *exit, log.get(), complaints));
    return exit;
  }

  Result<Exit> run_within(const SandboxRun& within, const SandboxSpec& spec, const Cancel& cancel,
                          const ProcessRunner::OnOutput& on_output) override {
    if (cancel.cancelled()) return fail(cancelled_error());
    SCANGATE_TRY(const auto namespaces, within.namespaces());
    SCANGATE_TRY(const auto group, limits_.group_for(spec));
    SCANGATE_TRY(const std::string process, process_config(spec));
    const UniqueFd log(memfd_create("runtime log", MFD_CLOEXEC));
    const UniqueFd file(memfd_create("process", MFD_CLOEXEC));
    if (!log || !file) return fail(host_error("cannot make a file in memory", errno));
    SCANGATE_CHECK(write_fd(file.get(), as_bytes(process), "the process of a container"));
    Command command = runtime_command(
        spec, log.get(), {"exec", "--process", fmt::format("/proc/self/fd/{}", kProcessFd), kContainerName});
    command.inherit.emplace_back(file.get(), kProcessFd);
    command.before_exec = Joining{
        .to = &namespaces, .network_fd = spec.join == nullptr ? -1 : spec.join->namespace_fd(), .group = group.get()};
    Complaints complaints(on_output);
    auto exit =
        runner_.run(command, cancel, [&](Stream stream, std::string_view text) { complaints.take(stream, text); });
    if (!exit) return exit;
    SCANGATE_CHECK(started(spec, *exit, log.get(), complaints));
    return exit;
  }

 private:
  Command runtime_command(const SandboxSpec& spec, int log_fd, std::initializer_list<std::string> words) const {
    Command command;
    command.argv = {
        program_,       "--root", (run_folder_ / "state").string(), "--log", fmt::format("/proc/self/fd/{}", kLogFd),
        "--log-format", "json"};
    command.argv.emplace_back(runtime_ == OciRuntime::crun ? "--cgroup-manager=disabled" : "--rootless=true");
    command.argv.insert(command.argv.end(), words);
    command.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                           "XDG_RUNTIME_DIR=" + run_folder_.string()};
    command.directory = "/";
    command.input = spec.input;
    command.stdin_fd = spec.stdin_fd;
    command.stdout_fd = spec.stdout_fd;
    command.stderr_fd = spec.stderr_fd;
    command.inherit = {{log_fd, kLogFd}};
    command.kill_after = spec.kill_after;
    command.dies_with_us = true;
    return command;
  }

  // Whether the program itself came to run; then what was held back of its output is passed on.
  Result<void> started(const SandboxSpec& spec, const Exit& exit, int log_fd, Complaints& complaints) const {
    if (exit.shell_code() != 0) {
      if (const std::string message = logged_error(log_fd); !message.empty()) return fail(start_error(spec, message));
      // Both end with 1 when execve fails.
      if (exit.shell_code() == 1)
        if (const auto fault = program_fault(spec, complaints.held())) return fail(not_started(spec, *fault));
    }
    complaints.release();
    return {};
  }

  Error start_error(const SandboxSpec& spec, const std::string& message) const {
    if (const auto fault = program_fault(spec, message)) return not_started(spec, *fault);
    return Error(Fault::host, fmt::format("{}: {}", oci_runtime_name(runtime_), printable(message)));
  }

  OciRuntime runtime_;
  std::string program_;
  std::filesystem::path run_folder_;
  ProcessRunner& runner_;
  std::string description_;
  RunLimits limits_;
  BundleHost host_;
};

}  // namespace

std::string_view oci_runtime_name(OciRuntime runtime) {
  return runtime == OciRuntime::crun ? "crun" : "runc";
}

bool in_user_namespace() {
  const auto map = read_file("/proc/self/uid_map", 4096);
  if (!map) return false;
  std::string fields;
  for (const auto& field : split(*map, ' '))
    if (!field.empty()) fields += std::string(trim(field)) + " ";
  return fields != "0 0 4294967295 ";
}

std::unique_ptr<Sandbox> make_oci_sandbox(OciRuntime runtime, std::string program, std::filesystem::path run_folder,
                                          ProcessRunner& runner, std::string description, RunLimits limits) {
  return std::make_unique<OciSandbox>(runtime, std::move(program), std::move(run_folder), runner,
                                      std::move(description), std::move(limits));
}

}  // namespace scangate
