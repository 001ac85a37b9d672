#pragma once
// The finished stage as manifest and config in the store.
#include "pipeline/build/build.h"
#include "pipeline/build/stage_state.h"

namespace scangate::build {

// OCI, or Docker's manifest v2 schema 2 when the config holds what only Docker's knows (health check, shell). `labels`
// are added. `inline_cache` may be null: see with_inline_cache(). Fills digests and facts of `built`.
Result<void> write_image(Store& store, StageState state, const std::map<std::string, std::string>& labels,
                         const std::string& dockerfile_name, TimePoint started, BuiltImage& built,
                         const std::vector<CacheRecord>* inline_cache = nullptr);

}  // namespace scangate::build
