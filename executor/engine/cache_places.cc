#include "executor/engine/cache_places.h"

#include "base/text.h"

namespace scangate {
namespace {

Result<CachePlace> place_of(const std::string& reference, const std::string& folder, const std::string& tag,
                            const FindCacheFolder& find) {
  CachePlace out;
  if (!reference.empty()) {
    SCANGATE_TRY(out.reference, Reference::parse(reference));
    out.shown = out.reference->familiar();
    return out;
  }
  out.tag = tag;
  out.shown = printable(folder);
  SCANGATE_TRY(out.folder, find(folder));
  return out;
}

}  // namespace

bool wants_inline_cache(const std::map<std::string, std::string>& build_args) {
  const auto found = build_args.find("BUILDKIT_INLINE_CACHE");
  return found != build_args.end() && (found->second == "1" || found->second == "true");
}

Result<CachePlace> cache_source(const command::CacheFrom& asked, const FindCacheFolder& find) {
  SCANGATE_TRY(CachePlace out, place_of(asked.reference, asked.folder, asked.tag, find));
  if (!asked.digest.empty()) {
    SCANGATE_TRY(out.digest, Digest::parse(asked.digest));
  }
  return out;
}

Result<CacheTarget> cache_target(const command::CacheTo& asked, const FindCacheFolder& find) {
  CacheTarget out;
  SCANGATE_TRY(out.place, place_of(asked.reference, asked.folder, asked.tag, find));
  if (out.place.reference && out.place.reference->digest)
    return fail(Error(Fault::user, fmt::format("--cache-to: {} has a digest", out.place.shown)).remedy("give a tag"));
  out.mode = asked.all_stages ? CacheMode::max : CacheMode::min;
  out.ignore_errors = asked.ignore_errors;
  return out;
}

}  // namespace scangate
