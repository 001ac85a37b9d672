#pragma once
// A few threads for a list of transfers.
#include <atomic>
#include <functional>
#include <vector>

#include "base/bytes.h"

namespace scangate {

// Runs all jobs on at most `threads` threads, the first ones first. After an Error no further job is begun and `stop`
// is set, for the running ones to look at; the first Error is returned when all have ended.
Result<void> run_parallel(std::vector<std::function<Result<void>()>> jobs, int threads, std::atomic<bool>& stop);

}  // namespace scangate
