#include "pipeline/registry/parallel.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

namespace scangate {

Result<void> run_parallel(std::vector<std::function<Result<void>()>> jobs, int threads, std::atomic<bool>& stop) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> error;
  std::exception_ptr bug;
  const auto work = [&] {
    for (;;) {
      const std::size_t index = next++;
      if (index >= jobs.size() || stop) return;
      try {
        auto done = jobs[index]();
        if (done) continue;
        const std::lock_guard lock(mutex);
        if (!error) error = std::move(done).error();
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!bug) bug = std::current_exception();
      }
      stop = true;
    }
  };
  {
    std::vector<std::jthread> workers;
    const auto count = std::min(jobs.size(), static_cast<std::size_t>(std::max(threads, 1)));
    for (std::size_t i = 1; i < count; ++i)
      workers.emplace_back(work);
    work();
  }
  if (bug) std::rethrow_exception(bug);
  if (error) return fail(std::move(*error));
  return {};
}

}  // namespace scangate
