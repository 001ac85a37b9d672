#include "pipeline/sandbox/sandbox_run.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>

#include "base/file.h"

namespace scangate {

bool SandboxRun::signal(int number) const {
  const std::lock_guard lock(mutex_);
  return process_ && syscall(SYS_pidfd_send_signal, process_.get(), number, nullptr, 0) == 0;
}

bool SandboxRun::running() const {
  const std::lock_guard lock(mutex_);
  return static_cast<bool>(process_);
}

void SandboxRun::begun(int pid) {
  const std::lock_guard lock(mutex_);
  process_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
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
