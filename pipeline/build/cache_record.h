#pragma once
// Steps as a cache that several hosts share holds them: an OCI image manifest whose config is the list of steps and
// whose layers are those that steps wrote. Nothing in it names a host, a project, a file or a value: keys are hashes.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "pipeline/image/model.h"

namespace scangate {

inline constexpr std::string_view kCacheConfigType = "application/vnd.scangate.buildcache.config.v1+json";
// BuildKit's, which is told apart to be passed over: its keys are others.
inline constexpr std::string_view kBuildkitCacheType = "application/vnd.buildkit.cacheconfig.v0";

// A build has some dozen steps a stage and platform; this is a Dockerfile of 600 steps for 32 platforms.
inline constexpr std::size_t kMaxCacheRecords = 20'000;
inline constexpr std::size_t kMaxCacheConfigBytes = 8U << 20U;

struct CacheRecord {
  std::string key;        // of the step: see build::StepKey
  std::string known_key;  // of a COPY without what it copies; empty for others
  TimePoint created{};
  DiffId diff_id;                  // of the layer it wrote
  std::optional<Descriptor> blob;  // absent: the step changed nothing
};

// Where an image's own config holds such a list: --cache-to type=inline. Runtimes pass it over.
inline constexpr std::string_view kInlineCacheMember = "dev.scangate.buildcache";

// Canonical: the same steps give the same bytes. `records` beyond the cap are left out.
std::string cache_config_text(const std::vector<CacheRecord>& records);
// Records that make no sense are left out, so that the others still serve. Errors: Fault::user when it is no such
// document, or one of a version that is not known.
Result<std::vector<CacheRecord>> parse_cache_config(std::string_view text, std::string_view place);

// The config of an image with the list in it, and the list of such a config: nullopt when there is none. `config` is
// JSON that was made here.
std::string with_inline_cache(std::string_view config, const std::vector<CacheRecord>& records);
Result<std::optional<std::vector<CacheRecord>>> parse_inline_cache(std::string_view config, std::string_view place);

}  // namespace scangate
