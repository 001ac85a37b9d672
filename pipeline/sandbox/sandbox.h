#pragma once
// Running a program in a root file system of its own: RUN steps, jobs, services. Behind the seam an OCI runtime (crun
// or runc) with a bundle of ours, or bubblewrap. OCI runtime-spec v1.1.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/process.h"

namespace scangate {

class JobNetwork;
class SandboxRun;

enum class Network { host, none };

struct SandboxMount {
  std::filesystem::path source;  // on the host; a file or a folder. For a tmpfs: empty
  std::string target;            // absolute path in the sandbox; must exist there (see Workspace::add_mount_point)
  bool read_only = true;
  std::optional<std::uint64_t> size_bytes = std::nullopt;  // of a tmpfs; absent: the kernel's, half of the memory
};

// A file that is never on a disk: it lies on a tmpfs of the sandbox alone and is gone with it.
struct SandboxFile {
  std::string target;  // absolute path in the sandbox; must exist there as a file
  std::string content;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mode = 0400;
};
// All of one run together; the tmpfs that holds them beside the bundle has 16 MB.
inline constexpr std::size_t kMaxSandboxFileBytes = 8U << 20U;

// getrlimit(2). More than our own hard limit is cut to that: raising one needs a capability that hosts often lack.
struct SandboxResourceLimit {
  std::string name;  // "nofile"; see is_resource_limit()
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};
// The largest value stands for "unlimited".
inline constexpr std::uint64_t kUnlimited = UINT64_MAX;
bool is_resource_limit(std::string_view name);

struct SandboxLimits {  // applied where the host lets us; never an Error when it does not
  std::optional<std::uint64_t> memory_bytes;
  std::optional<double> cpus;
  std::optional<std::uint64_t> processes;
  bool any() const { return memory_bytes || cpus || processes; }
};

// What a run tells besides its exit code.
struct SandboxReport {
  // Set when the kernel ended a process for the memory it used: the limit of the control group that the run was in.
  std::optional<std::uint64_t> memory_exceeded_bytes;
  // Limits of the spec's own that the host's control groups did not allow: "memory", "cpu", "pids".
  std::vector<std::string> not_limited;
  bool host_limits_instead = false;  // the spec's own gave way to the settings', which hold all runs together
};

struct SandboxSpec {
  std::filesystem::path root;
  bool root_read_only = false;
  std::vector<std::string> argv;         // looked up on PATH of `environment` inside the root
  std::vector<std::string> environment;  // complete
  std::string directory = "/";
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  std::string hostname = "scangate";
  Network network = Network::host;
  const JobNetwork* join = nullptr;                  // runs in this network instead; outlives the run. See network.h
  SandboxRun* handle = nullptr;                      // reaches the run from elsewhere; outlives it. See sandbox_run.h
  std::vector<SandboxMount> mounts;                  // besides /proc, /sys, own /dev, /dev/shm, /dev/pts, /dev/mqueue
  std::vector<SandboxFile> files;                    // mounted after `mounts`
  std::optional<std::uint64_t> shared_memory_bytes;  // of /dev/shm; absent: 64 MB, as docker has it
  std::vector<SandboxResourceLimit> resource_limits;
  SandboxReport* report = nullptr;            // filled by the run; outlives it
  bool no_new_privileges = false;             // false: setuid programs work, as with docker
  SandboxLimits limits;                       // none set: the settings', for all runs together
  std::chrono::milliseconds kill_after{500};  // on cancel, between asking it to end and ending it
  std::optional<std::string> input;           // stdin; else stdin_fd or /dev/null
  int stdin_fd = -1;
  int stdout_fd = -1;  // -1: given to on_output
  int stderr_fd = -1;
};

// Own pid, ipc, uts and mount namespaces always, docker's default capabilities and seccomp profile, masked /proc paths.
// Thread-safe: several run() at once. When cancelled, or when the calling process is killed, every process of the
// sandbox ends.
class Sandbox {
 public:
  virtual ~Sandbox() = default;
  // The program's exit code. Errors: Fault::host when the runtime fails; Fault::user when the program cannot be found
  // or started in the root (the text names it as the runtime tells).
  virtual Result<Exit> run(const SandboxSpec& spec, const Cancel& cancel, const ProcessRunner::OnOutput& on_output) = 0;
  // Runs one more program in a sandbox that goes on: of `spec` its argv, environment, directory, user, streams and
  // limits; the rest is `within`'s, of which `spec` is a changed copy. It ends with the sandbox, if not before; when
  // cancelled it may go on till then. Errors: as run(), Fault::user when `within` does not run, and Fault::host where
  // the runtime cannot.
  virtual Result<Exit> run_within(const SandboxRun& within, const SandboxSpec& spec, const Cancel& cancel,
                                  const ProcessRunner::OnOutput& on_output) = 0;
  // One line: "runc 1.1.5 as root, limits on memory, pids".
  virtual const std::string& description() const = 0;
};

// The exit code that shells and docker give for a program that could not be started: 127 when it is not there, 126 when
// it cannot be executed; nullopt for any other Error.
std::optional<int> start_failure_code(const Error& error);

struct SandboxSettings {
  std::string runtime = "auto";        // auto, crun, runc, bubblewrap
  std::filesystem::path state_folder;  // bundles and runtime state, created when missing
  SandboxLimits limits;                // of runs that name none
};

// Tries what the host offers with a trial run of a static program where needed, cheapest first, and takes the first
// that works. Errors: Fault::host naming what was tried and why each failed, with the remedy.
Result<std::unique_ptr<Sandbox>> probe_sandbox(const SandboxSettings& settings, ProcessRunner& runner);

// Paths that every sandbox mounts over: the root must have them as folders ("/proc", "/sys", "/dev").
const std::vector<std::string>& sandbox_mount_points();

}  // namespace scangate
