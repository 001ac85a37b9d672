#pragma once
// --cache-from and --cache-to of build commands: docker's and buildx's own form, and what buildah and kaniko call by a
// repository alone. Pure. https://docs.docker.com/build/cache/backends/
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::command {

// type=registry,ref=REF or a bare REF; type=local,src=DIR[,tag=TAG][,digest=DIGEST].
struct CacheFrom {
  std::string reference;  // empty: local
  std::string folder;
  std::string tag;
  std::string digest;
  bool operator==(const CacheFrom&) const = default;
};

// type=registry,ref=REF or type=local,dest=DIR[,tag=TAG], both with mode=min|max and ignore-error=true; or type=inline.
struct CacheTo {
  bool in_image = false;  // inline: the image itself
  std::string reference;  // empty: local
  std::string folder;
  std::string tag;
  bool all_stages = false;     // mode=max
  bool ignore_errors = false;  // of sending; never what the gate says
  bool operator==(const CacheTo&) const = default;
};

// Errors: Fault::user for a type that is not served and for an option that could not be honoured.
Result<CacheFrom> parse_cache_from(const std::string& value);
Result<CacheTo> parse_cache_to(const std::string& value);

// buildah and kaniko name a repository and keep an entry for every step in it. Ours is one for each build, told apart
// by what is built: "HOST/REPO:scangate-1f2e…". Errors: Fault::user for a name with a tag or digest.
Result<std::string> cache_in_repository(const std::string& repository, std::string_view dockerfile,
                                        std::string_view target);

// "336h", "1h30m", "0s": Go's durations, as far as people write them for an age.
Result<std::chrono::seconds> parse_age(const std::string& value);

}  // namespace scangate::command
