#include "base/deadline.h"

namespace scangate {
namespace {

// A signal handler sets the outer flag and can wake no thread.
constexpr auto kLook = std::chrono::milliseconds(20);

}  // namespace

Deadline::Deadline(const Cancel& outer, std::chrono::milliseconds limit)
    : outer_(outer), thread_([this, limit] { watch(limit); }) {}

Deadline::~Deadline() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Deadline::watch(std::chrono::milliseconds limit) {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!over_) {
    const bool passed = limit.count() > 0 && std::chrono::steady_clock::now() - start >= limit;
    if (outer_.cancelled() || passed) {
      if (!outer_.cancelled()) passed_.cancel();
      cancel_.cancel();
      return;
    }
    wake_.wait_for(lock, kLook);
  }
}

}  // namespace scangate
