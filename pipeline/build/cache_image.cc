#include "pipeline/build/cache_image.h"

#include <algorithm>
#include <unordered_set>

namespace scangate {

Result<CacheImage> write_cache_image(Store& store, const std::vector<StageCache>& stages, CacheMode mode,
                                     const std::set<Digest>& may_leave) {
  CacheImage out;
  Manifest manifest;
  manifest.media_type = media_type::kOciManifest;
  std::vector<CacheRecord> records;
  std::unordered_set<std::string> keys;
  std::set<Digest> sent;
  // The result's first: when there is not room for all, it is what counts.
  for (const bool results : {true, false})
    for (const StageCache& stage : stages) {
      if (stage.is_result != results) continue;
      for (const CacheRecord& each : stage.records) {
        if (!keys.insert(each.key).second) continue;
        records.push_back(each);
        const bool wanted = (stage.is_result || mode == CacheMode::max) && each.blob &&
                            manifest.layers.size() < kMaxLayers && may_leave.contains(each.blob->digest) &&
                            store.has_blob(each.blob->digest);
        if (wanted && sent.insert(each.blob->digest).second) manifest.layers.push_back(*each.blob);
      }
    }
  const std::string config = cache_config_text(records);
  manifest.config.media_type = kCacheConfigType;
  SCANGATE_TRY(manifest.config.digest, store.put_blob(config));
  manifest.config.size_bytes = config.size();
  SCANGATE_TRY(out.manifest_digest, store.put_blob(to_json(manifest)));
  out.steps = records.size();
  out.layers = manifest.layers.size();
  return out;
}

}  // namespace scangate
