#include "pipeline/build/step_log.h"

#include <fmt/format.h>

namespace scangate::build {

StepLog::Step::Step(Progress& progress, int number, std::string_view header)
    : progress_(progress), id_(fmt::format("#{}", number)) {
  progress_.line(Level::info, fmt::format("{} {}", id_, header));
}

void StepLog::Step::cached() {
  progress_.line(Level::info, id_ + " CACHED");
}

void StepLog::Step::done() {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start_;
  progress_.line(Level::info, fmt::format("{} DONE {:.1f}s", id_, took.count()));
}

void StepLog::Step::failed(std::string_view why) {
  progress_.line(Level::info, fmt::format("{} ERROR: {}", id_, why));
}

void StepLog::Step::output(std::string_view text) {
  progress_.output(id_, text);
}

}  // namespace scangate::build
