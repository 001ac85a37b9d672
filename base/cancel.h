#pragma once
// Stopping early: Ctrl-C, SIGTERM from the runner, a lost client.
#include <atomic>
#include <memory>

#include "base/error.h"

namespace scangate {

// Copies share one flag. cancel() is async-signal-safe and may come from any thread; long loops and waits look at it at
// least every 200 ms and return cancelled_error().
class Cancel {
 public:
  Cancel() : flag_(std::make_shared<std::atomic<bool>>(false)) {}
  void cancel() const { flag_->store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

inline Error cancelled_error() {
  return {Fault::host, "stopped on request"};
}

}  // namespace scangate
