#include "executor/job/running_container.h"

#include <csignal>

namespace scangate {
namespace {

// How long a cancel may go unseen: base/cancel.h.
constexpr auto kLookAgain = std::chrono::milliseconds(100);
// Between two looks whether the runtime has started.
constexpr auto kBegunStep = std::chrono::milliseconds(2);
// As shells and docker have it for what was killed.
constexpr int kKilledCode = 128 + SIGKILL;

}  // namespace

RunningContainer::RunningContainer(Sandbox& sandbox, Container container, std::size_t log_bytes)
    : sandbox_(sandbox), container_(std::move(container)), log_(log_bytes) {
  container_.spec.handle = &handle_;
  container_.spec.kill_after = std::chrono::milliseconds(0);
}

RunningContainer::~RunningContainer() {
  kill();
  if (thread_.joinable()) thread_.join();
}

bool RunningContainer::start(Streams streams) {
  const std::lock_guard lock(mutex_);
  if (state_.phase == ContainerState::Phase::running) return false;
  if (thread_.joinable()) thread_.join();  // it has nothing more to do
  cancel_ = Cancel();
  state_ = {.phase = ContainerState::Phase::running,
            .exit_code = 0,
            .error = std::nullopt,
            .started = std::chrono::system_clock::now(),
            .finished = {}};
  log_.reopen();
  thread_ = std::thread([this, given = std::move(streams), cancel = cancel_] { run(given, cancel); });
  return true;
}

void RunningContainer::run(const Streams& streams, const Cancel& cancel) {
  SandboxSpec spec = container_.spec;
  spec.stdin_fd = streams.input;
  spec.stdout_fd = streams.output;
  spec.stderr_fd = streams.error;
  auto exit = sandbox_.run(spec, cancel, [&](Stream stream, std::string_view text) {
    log_.append(stream, text);
    if (streams.on_output) streams.on_output(stream, text);
  });
  const std::lock_guard lock(mutex_);
  log_.close();
  state_.phase = ContainerState::Phase::exited;
  state_.finished = std::chrono::system_clock::now();
  if (exit)
    state_.exit_code = exit->shell_code();
  else if (cancel.cancelled())
    state_.exit_code = kKilledCode;
  else
    state_.error = std::move(exit).error();
  changed_.notify_all();
}

void RunningContainer::wait_begun(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  std::unique_lock lock(mutex_);
  while (state_.phase == ContainerState::Phase::running && !handle_.program_runs() &&
         std::chrono::steady_clock::now() < until)
    changed_.wait_for(lock, kBegunStep);
}

bool RunningContainer::wait_end(const Cancel& cancel, std::optional<std::chrono::milliseconds> limit) {
  const auto until = std::chrono::steady_clock::now() + limit.value_or(std::chrono::milliseconds(0));
  std::unique_lock lock(mutex_);
  while (state_.phase == ContainerState::Phase::running) {
    if (cancel.cancelled() || (limit && std::chrono::steady_clock::now() >= until)) return false;
    changed_.wait_for(lock, kLookAgain);
  }
  return true;
}

void RunningContainer::kill() {
  const std::lock_guard lock(mutex_);
  cancel_.cancel();
  handle_.signal(SIGKILL);  // at once; the cancel is seen a moment later, and by a run that has not begun
}

ContainerState RunningContainer::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace scangate
