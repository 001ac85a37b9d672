#pragma once
// Steps of a build as the image that --cache-to sends.
#include <set>

#include "pipeline/build/build.h"

namespace scangate {

struct CacheImage {
  Digest manifest_digest;  // in the store
  std::size_t steps = 0;
  std::size_t layers = 0;
};

// The records of all `stages`, and of the layers that stages up to `mode` wrote those that are in `may_leave`. Layers
// of base images are not among them: their registries have them. More layers than a manifest may name
// (kMaxLayers) are left out. Errors: the store's.
Result<CacheImage> write_cache_image(Store& store, const std::vector<StageCache>& stages, CacheMode mode,
                                     const std::set<Digest>& may_leave);

}  // namespace scangate
