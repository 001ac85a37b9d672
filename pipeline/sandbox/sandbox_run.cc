#include "pipeline/sandbox/sandbox_run.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>

#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace {

// A runtime has one child; a list of all processes of a host would still fit.
constexpr std::size_t kMaxChildrenBytes = 1U << 20U;

}  // namespace

bool SandboxRun::signal(int number) const {
  const std::lock_guard lock(mutex_);
  return process_ && syscall(SYS_pidfd_send_signal, process_.get(), number, nullptr, 0) == 0;
}

bool SandboxRun::running() const {
  const std::lock_guard lock(mutex_);
  return static_cast<bool>(process_);
}

bool SandboxRun::program_runs() const {
  const std::lock_guard lock(mutex_);
  if (!process_) return false;
  const auto program_of = [](const std::string& pid) {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/" + pid + "/exe", ignored).string();
  };
  const std::string own = program_of(std::to_string(pid_));
  // proc(5). The runtime's child is the program once it is no longer a copy of the runtime; runc's copy is a file in
  // memory.
  const auto children = read_file(fmt::format("/proc/{}/task/{}/children", pid_, pid_), kMaxChildrenBytes).value_or("");
  for (const auto& child : split(children, ' ')) {
    if (trim(child).empty()) continue;
    const std::string program = program_of(std::string(trim(child)));
    if (!program.empty() && program != own && program.find("runc_cloned") == std::string::npos) return true;
  }
  return false;
}

void SandboxRun::begun(int pid) {
  const std::lock_guard lock(mutex_);
  process_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  pid_ = pid;
  const auto open_namespace = [pid](const char* name) {
    auto fd = open_file(fmt::format("/proc/{}/ns/{}", pid, name), O_RDONLY);
    return fd ? std::move(*fd) : UniqueFd();  // the process may be gone already: nobody can join it then
  };
  namespaces_ = {
      .pid = open_namespace("pid"), .mount = open_namespace("mnt"), .control_groups = open_namespace("cgroup")};
}

void SandboxRun::ended() {
  const std::lock_guard lock(mutex_);
  process_.reset();
  namespaces_ = {};
}

Result<SandboxRun::Namespaces> SandboxRun::namespaces() const {
  const std::lock_guard lock(mutex_);
  const auto copy = [](const UniqueFd& fd) { return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3)); };
  Namespaces out{.pid = copy(namespaces_.pid),
                 .mount = copy(namespaces_.mount),
                 .control_groups = copy(namespaces_.control_groups)};
  if (!process_ || !out.pid || !out.mount || !out.control_groups) return fail(Fault::user, "it does not run");
  return out;
}

}  // namespace scangate
