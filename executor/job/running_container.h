#pragma once
// A container on a thread of its own, with what it said: the job's services, and what its script starts with
// `docker run`.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "executor/job/container.h"
#include "executor/job/container_log.h"
#include "pipeline/sandbox/sandbox_run.h"

namespace scangate {

struct ContainerState {
  enum class Phase { created, running, exited } phase = Phase::created;
  int exit_code = 0;           // of the last run; as shells tell it
  std::optional<Error> error;  // why the last run did not come to be
  std::chrono::system_clock::time_point started, finished;
};

// Thread-safe. Its program ends with the object, at once and without being asked, and also when our process is killed.
class RunningContainer {
 public:
  // `sandbox`, and what `container` points to, outlive the object.
  RunningContainer(Sandbox& sandbox, Container container, std::size_t log_bytes);
  ~RunningContainer();
  RunningContainer(const RunningContainer&) = delete;
  RunningContainer& operator=(const RunningContainer&) = delete;

  struct Streams {
    int input = -1;                     // -1: nothing to read
    int output = -1, error = -1;        // -1: the log gets it
    ProcessRunner::OnOutput on_output;  // besides the log; called until the run has ended
  };
  // Runs the program; again, in the same root, when it ran before. Does not wait. False when it runs already.
  bool start(Streams streams);
  // The moment when a program runs or has failed to; at most `limit`.
  void wait_begun(std::chrono::milliseconds limit);
  // Until the run has ended; false when `cancel` or the limit came first.
  bool wait_end(const Cancel& cancel, std::optional<std::chrono::milliseconds> limit = std::nullopt);
  // SIGTERM (or another) to the program; false when it does not run.
  bool signal(int number) const { return handle_.signal(number); }
  // Ends every process of it. Does not wait.
  void kill();

  // A further program in it; `spec` is a changed copy of spec().
  Result<Exit> run_within(const SandboxSpec& spec, const Cancel& cancel, const ProcessRunner::OnOutput& on_output) {
    return sandbox_.run_within(handle_, spec, cancel, on_output);
  }

  ContainerState state() const;
  const SandboxSpec& spec() const { return container_.spec; }
  const std::filesystem::path& root() const { return container_.workspace.root(); }
  ContainerLog& log() { return log_; }
  const ContainerLog& log() const { return log_; }

 private:
  void run(const Streams& streams, const Cancel& cancel);

  Sandbox& sandbox_;
  Container container_;
  ContainerLog log_;
  SandboxRun handle_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  Cancel cancel_;
  ContainerState state_;
  std::thread thread_;
};

}  // namespace scangate
