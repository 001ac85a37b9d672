#pragma once
// Time for what must still be done once a job was told to stop: reports of what it scanned until then.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/cancel.h"

namespace scangate {

// gitlab-runner kills ten minutes after its SIGTERM (graceful_kill_timeout), hosts that shut down after some ninety
// seconds: GitLab has either answered by then or is not there.
inline constexpr std::chrono::seconds kReportGrace{30};

// cancel() follows `stop` after `grace`, counted from the stop or, when that came before, from construction.
class Grace {
 public:
  Grace(const Cancel& stop, std::chrono::milliseconds grace);
  ~Grace();
  Grace(const Grace&) = delete;
  Grace& operator=(const Grace&) = delete;

  const Cancel& cancel() const { return cancel_; }

 private:
  void watch(const Cancel& stop, std::chrono::milliseconds grace);

  Cancel cancel_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread watcher_;
};

}  // namespace scangate
