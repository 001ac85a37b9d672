#pragma once
// A time limit for one thing, beside the wish to stop everything.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/cancel.h"

namespace scangate {

// cancel() is set when `outer` is, and when `limit` has passed since construction; 0 is no limit. One thread uses it.
class Deadline {
 public:
  Deadline(const Cancel& outer, std::chrono::milliseconds limit);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  const Cancel& cancel() const { return cancel_; }
  // The time is up, and nobody wished to stop before.
  bool passed() const { return passed_.cancelled(); }

 private:
  void watch(std::chrono::milliseconds limit);

  Cancel outer_;
  Cancel cancel_;
  Cancel passed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace scangate
