#pragma once
// A run of a sandbox as others reach it while it goes on: signals to its program, and further programs beside it.
#include <memory>
#include <mutex>

#include "base/error.h"
#include "base/fd.h"

namespace scangate {

// One for each run, given in SandboxSpec::handle, whose owner keeps it until the run has ended. Thread-safe.
class SandboxRun {
 public:
  SandboxRun() = default;
  SandboxRun(const SandboxRun&) = delete;
  SandboxRun& operator=(const SandboxRun&) = delete;

  // Sends it to the program through the runtime, which passes on all but SIGKILL; that ends every process of the
  // sandbox. False when it does not run.
  bool signal(int number) const;
  bool running() const;
  // Whether the runtime's work is done and the program itself goes on, as far as /proc tells.
  bool program_runs() const;

  // For the sandbox itself. The process is the runtime's, the first of its pid namespace.
  void begun(int pid);
  void ended();
  // Descriptors of the namespaces that the runtime lives in. They hold its mounts: close them soon.
  struct Namespaces {
    UniqueFd pid, mount, control_groups;
  };
  // Errors: Fault::user when it does not run.
  Result<Namespaces> namespaces() const;

 private:
  mutable std::mutex mutex_;
  UniqueFd process_;  // a pidfd
  int pid_ = 0;
  Namespaces namespaces_;
};

// Tells a handle, if there is one, of one run: its end is the end of this object.
class RunningHandle {
 public:
  explicit RunningHandle(SandboxRun* handle) : handle_(handle) {}
  ~RunningHandle() {
    if (handle_ != nullptr) handle_->ended();
  }
  RunningHandle(const RunningHandle&) = delete;
  RunningHandle& operator=(const RunningHandle&) = delete;
  void begun(int pid) const {
    if (handle_ != nullptr) handle_->begun(pid);
  }

 private:
  SandboxRun* handle_;
};

}  // namespace scangate
