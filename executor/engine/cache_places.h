#pragma once
// --cache-from and --cache-to as the builder takes them; folders are the caller's to find.
#include <functional>

#include "pipeline/build/build.h"
#include "pipeline/command/cache_flags.h"

namespace scangate {

// A folder as written to one that can be opened.
using FindCacheFolder = std::function<Result<std::filesystem::path>(const std::string& folder)>;

// Errors: Fault::user for a name that is none, or one with a digest where something is to be written.
Result<CachePlace> cache_source(const command::CacheFrom& asked, const FindCacheFolder& find);
Result<CacheTarget> cache_target(const command::CacheTo& asked, const FindCacheFolder& find);

// BuildKit's older way to ask for type=inline: a build argument.
bool wants_inline_cache(const std::map<std::string, std::string>& build_args);

}  // namespace scangate
