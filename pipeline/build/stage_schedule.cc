#include "pipeline/build/stage_schedule.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace scangate::build {
namespace {

// Between two looks at the caller's wish to stop.
constexpr std::chrono::milliseconds kLook{50};

}  // namespace

std::size_t stages_at_once() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), kFewestAtOnce, kMostAtOnce);
}

StageSchedule::StageSchedule(const dockerfile::ResolvedFile& resolved, Build build)
    : resolved_(resolved), build_(std::move(build)), slots_(resolved.stages.size()) {}

bool StageSchedule::is_ready(std::size_t stage) const {
  return slots_[stage].progress == Progress::waiting &&
         std::ranges::all_of(resolved_.stages[stage].needs,
                             [&](std::size_t need) { return slots_[need].progress == Progress::done; });
}

std::optional<std::size_t> StageSchedule::next_ready() const {
  for (const std::size_t stage : resolved_.order)
    if (is_ready(stage)) return stage;
  return std::nullopt;
}

bool StageSchedule::all_started() const {
  return std::ranges::none_of(resolved_.order,
                              [&](std::size_t stage) { return slots_[stage].progress == Progress::waiting; });
}

void StageSchedule::build_one(Lock& lock, std::size_t stage) {
  slots_[stage].progress = Progress::running;
  lock.unlock();
  Result<StageEnd> end = fail(cancelled_error());
  std::exception_ptr thrown;
  try {
    end = build_(stage);
  } catch (...) {
    thrown = std::current_exception();  // run() throws it again, in the caller's thread
  }
  lock.lock();
  Slot& slot = slots_[stage];
  if (end && *end == StageEnd::done && !thrown) {
    slot.progress = Progress::done;
  } else {
    // Whatever goes wrong in a stage after it was told to stop is a consequence of that; the exit code of a step is
    // looked at before.
    slot.progress = !end && stop_.cancelled() ? Progress::stopped : Progress::failed;
    if (!end) slot.error = std::move(end).error();
    if (thrown && !thrown_) thrown_ = thrown;
    stop_.cancel();
  }
  changed_.notify_all();
}

void StageSchedule::work() {
  Lock lock(mutex_);
  while (!stop_.cancelled() && !all_started()) {
    if (const auto stage = next_ready())
      build_one(lock, *stage);
    else
      changed_.wait(lock);
  }
  --working_;
  changed_.notify_all();
}

// Along what the file says, and what stages found out so far.
bool StageSchedule::reaches(std::size_t from, std::size_t to) const {
  std::set<std::size_t> seen{from};
  std::vector<std::size_t> open{from};
  while (!open.empty()) {
    const std::size_t next = open.back();
    open.pop_back();
    if (next == to) return true;
    const auto look = [&](std::size_t need) {
      if (seen.insert(need).second) open.push_back(need);
    };
    std::ranges::for_each(resolved_.stages[next].needs, look);
    std::ranges::for_each(slots_[next].awaits, look);
  }
  return false;
}

// Nobody waits in a circle: need() refused those before. Recursion is bounded by kMaxStages.
Result<void> StageSchedule::obtain(Lock& lock, std::size_t stage) {
  for (const std::size_t need : resolved_.stages[stage].needs)
    SCANGATE_CHECK(obtain(lock, need));
  for (;;) {
    switch (slots_[stage].progress) {
      case Progress::done:
        return {};
      case Progress::waiting:
        if (stop_.cancelled()) return fail(cancelled_error());
        build_one(lock, stage);
        break;
      case Progress::running:
        changed_.wait(lock);
        break;
      case Progress::failed:
      case Progress::stopped:
        return fail(cancelled_error());
    }
  }
}

Result<void> StageSchedule::need(std::size_t stage, std::size_t by) {
  Lock lock(mutex_);
  if (slots_[stage].progress == Progress::done) return {};
  if (reaches(stage, by))
    return fail(Fault::user,
                fmt::format("the stages {} and {} need each other", std::max(stage, by), std::min(stage, by)));
  slots_[by].awaits.insert(stage);
  auto obtained = obtain(lock, stage);
  slots_[by].awaits.erase(stage);
  return obtained;
}

Result<std::optional<std::size_t>> StageSchedule::outcome() const {
  for (std::size_t stage = 0; stage < slots_.size(); ++stage) {
    const Slot& slot = slots_[stage];
    if (slot.progress != Progress::failed) continue;
    if (slot.error) return fail(Error(*slot.error));
    return std::optional(stage);
  }
  for (const Slot& slot : slots_)
    if (slot.error) return fail(Error(*slot.error));
  if (stop_.cancelled()) return fail(cancelled_error());
  return std::optional<std::size_t>();
}

Result<std::optional<std::size_t>> StageSchedule::run(std::size_t threads, const Cancel& cancel) {
  std::vector<std::thread> workers;
  {
    Lock lock(mutex_);
    working_ = std::clamp<std::size_t>(threads, 1, resolved_.order.size());
    for (std::size_t i = working_; i > 0; --i)
      workers.emplace_back([this] { work(); });
    while (!changed_.wait_for(lock, kLook, [&] { return working_ == 0; })) {
      if (!cancel.cancelled()) continue;
      stop_.cancel();
      changed_.notify_all();
    }
  }
  for (std::thread& each : workers)
    each.join();
  if (thrown_) std::rethrow_exception(thrown_);
  return outcome();
}

}  // namespace scangate::build
