#include "executor/session/grace.h"

namespace scangate {
namespace {

// How often a Cancel must be looked at: base/cancel.h.
constexpr std::chrono::milliseconds kLook{200};

}  // namespace

Grace::Grace(const Cancel& stop, std::chrono::milliseconds grace)
    : watcher_([this, stop, grace] { watch(stop, grace); }) {}

Grace::~Grace() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  watcher_.join();
}

void Grace::watch(const Cancel& stop, std::chrono::milliseconds grace) {
  std::unique_lock lock(mutex_);
  while (!stop.cancelled())
    if (ended_.wait_for(lock, kLook, [&] { return end_; })) return;
  if (!ended_.wait_for(lock, grace, [&] { return end_; })) cancel_.cancel();
}

}  // namespace scangate
