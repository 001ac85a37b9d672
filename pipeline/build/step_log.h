#pragma once
// Progress in the style of BuildKit's plain output: "#5 [build 2/4] RUN make", "#5 CACHED", "#5 DONE 1.2s".
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include "base/progress.h"

namespace scangate::build {

class StepLog {
 public:
  explicit StepLog(Progress& progress) : progress_(progress) {}

  // One step from its header to its end; finishes as failed when neither cached() nor done() was called.
  class Step {
   public:
    Step(Progress& progress, int number, std::string_view header);
    void cached();
    void done();
    void failed(std::string_view why);
    void output(std::string_view text);
    // "#5", the item that output and bytes belong to.
    const std::string& id() const { return id_; }

   private:
    Progress& progress_;
    std::string id_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  };
  // Thread-safe: steps of several stages go on at once.
  Step begin(std::string_view header) { return Step(progress_, ++count_, header); }

 private:
  Progress& progress_;
  std::atomic<int> count_ = 0;
};

}  // namespace scangate::build
