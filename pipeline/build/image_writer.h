#pragma once
// The finished stage as manifest and config in the store.
#include "pipeline/build/build.h"
#include "pipeline/build/stage_state.h"

namespace scangate::build {

// In `form`; by itself OCI, or Docker's manifest v2 schema 2 when the config holds what only Docker's knows (health
// check, shell) and nothing else is OCI's alone. `labels` are added. `inline_cache` may be null: see
// with_inline_cache(). Fills digests and facts of `built`. Errors: Fault::user for a form that Docker's manifest does
// not know.
Result<void> write_image(Store& store, StageState state, const std::map<std::string, std::string>& labels,
                         const ImageForm& form, const std::string& dockerfile_name, TimePoint started,
                         const Cancel& cancel, BuiltImage& built,
                         const std::vector<CacheRecord>* inline_cache = nullptr);

}  // namespace scangate::build
