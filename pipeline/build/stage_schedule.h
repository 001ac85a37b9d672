#pragma once
// Which stage is built when, and by which thread: stages that do not need each other go on at the same time.
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "base/cancel.h"
#include "pipeline/dockerfile/stages.h"

namespace scangate::build {

// As many stages as there are processors. Two also on one: steps wait for networks and disks. No more than four: each
// step's own program (a compiler, a package manager) uses several processors as well.
inline constexpr std::size_t kFewestAtOnce = 2;
inline constexpr std::size_t kMostAtOnce = 4;
std::size_t stages_at_once();

enum class StageEnd { done, failed };  // failed: a RUN step did not end with 0, which is the build's result

class StageSchedule {
 public:
  using Build = std::function<Result<StageEnd>(std::size_t stage)>;
  // `build` is called by several threads at once, for each stage at most once, and everything the stage needs is done
  // then. It watches stop().
  StageSchedule(const dockerfile::ResolvedFile& resolved, Build build);

  // Builds what the target needs. The first stage that does not succeed stops the others; of those that failed before
  // they were stopped the first by the Dockerfile is told: its Error, or its number when a step failed. Once.
  Result<std::optional<std::size_t>> run(std::size_t threads, const Cancel& cancel);
  // Set when the caller's is, or when a stage did not succeed.
  const Cancel& stop() const { return stop_; }

  // While stage `by` is built it turns out to need `stage`: builds it in this thread, or waits for the one that does.
  // Errors: Fault::user when they need each other; "stopped" when the other did not succeed, which is told for that
  // one.
  Result<void> need(std::size_t stage, std::size_t by);

 private:
  enum class Progress { waiting, running, done, failed, stopped };
  struct Slot {
    Progress progress = Progress::waiting;
    std::optional<Error> error;
    std::set<std::size_t> awaits;  // found out while it is built
  };
  using Lock = std::unique_lock<std::mutex>;

  void work();
  void build_one(Lock& lock, std::size_t stage);
  Result<void> obtain(Lock& lock, std::size_t stage);
  bool reaches(std::size_t from, std::size_t to) const;
  bool is_ready(std::size_t stage) const;
  std::optional<std::size_t> next_ready() const;
  bool all_started() const;
  Result<std::optional<std::size_t>> outcome() const;

  const dockerfile::ResolvedFile& resolved_;
  Build build_;
  Cancel stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;  // by stage
  std::size_t working_ = 0;  // threads
  std::exception_ptr thrown_;
};

}  // namespace scangate::build
