#include "pipeline/build/shared_cache.h"

#include <algorithm>
#include <atomic>

#include "base/text.h"
#include "pipeline/build/cache_folder.h"
#include "pipeline/image/image_index.h"
#include "pipeline/image/layer.h"
#include "pipeline/registry/parallel.h"
#include "scan/inventory/inventory.h"

namespace scangate::build {
namespace {

// Each begins the build anew; a cache that fails so often is better left alone.
constexpr int kMaxLosses = 3;
constexpr int kParallelLayers = 4;

bool is_image_config(const std::string& type) {
  return type == media_type::kOciConfig || type == media_type::kDockerConfig;
}

}  // namespace

struct SharedCache::Source {
  explicit Source(CachePlace from) : place(std::move(from)) {}
  CachePlace place;
  std::optional<CacheFolder> folder;
  std::set<Digest> blobs;  // that it holds
};

SharedCache::SharedCache(const std::vector<CachePlace>& from, Platform platform, const BuildHost& host,
                         const Cancel& cancel, Progress& progress)
    : platform_(std::move(platform)), host_(host), cancel_(cancel), progress_(progress) {
  for (const CachePlace& each : from)
    sources_.push_back(std::make_unique<Source>(each));
}

SharedCache::~SharedCache() = default;

// Of an index the manifest for our platform, whose image may be a cache itself.
Result<std::optional<std::string>> SharedCache::document_of(const CachePlace& place) {
  if (host_.registry == nullptr) return fail(Fault::host, "no registry can be asked here");
  SCANGATE_TRY(auto document, host_.registry->document(*place.reference, cancel_));
  if (!document) return std::nullopt;
  if (!is_index_type(document_media_type(document->text)) ||
      document->text.find(kBuildkitCacheType) != std::string::npos)
    return std::optional(std::move(document->text));
  SCANGATE_TRY(const ImageIndex index, parse_index(document->text, place.shown));
  for (const Descriptor& entry : index.manifests) {
    if (!entry.platform || !platform_matches(platform_, *entry.platform)) continue;
    Reference part = *place.reference;
    part.tag.clear();
    part.digest = entry.digest;
    SCANGATE_TRY(document, host_.registry->document(part, cancel_));
    return document ? std::optional(std::move(document->text)) : std::nullopt;
  }
  return std::nullopt;
}

Result<std::vector<CacheRecord>> SharedCache::records_of(const Source& source, const Manifest& manifest) {
  const CachePlace& place = source.place;
  const std::string& type = manifest.config.media_type;
  if (type != kCacheConfigType && !is_image_config(type))
    return fail(Fault::user, fmt::format("it is neither a build cache nor an image, but '{}'", printable(type)));
  const Digest& config = manifest.config.digest;
  SCANGATE_TRY(const std::string text,
               source.folder ? source.folder->text(config, kMaxCacheConfigBytes)
                             : host_.registry->blob_text(*place.reference, config, kMaxCacheConfigBytes, cancel_));
  if (type == kCacheConfigType) return parse_cache_config(text, place.shown);
  SCANGATE_TRY(auto records, parse_inline_cache(text, place.shown));
  if (!records)
    return fail(Error(Fault::user, "it is an image that holds no build cache of scangate")
                    .remedy("build it with --cache-to type=inline, or send a cache with type=registry"));
  return std::move(*records);
}

Result<void> SharedCache::read_source(std::size_t index) {
  Source& source = *sources_[index];
  const CachePlace& place = source.place;
  std::optional<std::string> text;
  if (place.reference) {
    SCANGATE_TRY(text, document_of(place));
  } else {
    SCANGATE_TRY(source.folder, CacheFolder::open(place.folder));
    SCANGATE_TRY(text, source.folder->manifest(place.tag, place.digest));
  }
  if (!text) {
    progress_.line(Level::info, fmt::format("the build cache {} is not there yet", place.shown));
    return {};
  }
  if (text->find(kBuildkitCacheType) != std::string::npos)  // also an index, as it was in its first years
    return fail(Fault::user, "it was made by BuildKit, whose steps are not ours");
  SCANGATE_TRY(const Manifest manifest, parse_manifest(*text, place.shown));
  SCANGATE_TRY(auto records, records_of(source, manifest));
  for (const Descriptor& layer : manifest.layers)
    source.blobs.insert(layer.digest);
  progress_.line(Level::info, fmt::format("the build cache {} knows {} steps", place.shown, records.size()));
  for (CacheRecord& each : records) {
    if (!each.known_key.empty()) known_.insert(each.known_key);
    const std::string key = each.key;
    records_.try_emplace(key, Found{std::move(each), index});
  }
  return {};
}

Result<void> SharedCache::read_sources() {
  if (read_) return {};
  read_ = true;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (auto done = read_source(i); !done) {
      if (cancel_.cancelled()) return done;
      progress_.line(Level::warning, fmt::format("the build goes on without the build cache {}: {}",
                                                 sources_[i]->place.shown, done.error().text()));
    }
  }
  return {};
}

Result<std::optional<CacheRecord>> SharedCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (losses_ > kMaxLosses) return std::nullopt;
  SCANGATE_CHECK(read_sources());
  const auto found = records_.find(key);
  if (found == records_.end()) return std::nullopt;
  const CacheRecord& record = found->second.record;
  if (!record.blob) return std::optional(record);
  SCANGATE_TRY(const bool held, host_.store->holds_layer(record.diff_id, record.blob->digest));
  if (held) return std::optional(record);
  const bool sent = sources_[found->second.source]->blobs.contains(record.blob->digest);
  if (useless_.contains(record.diff_id) || (!sent && unsent_useless_)) return std::nullopt;
  handed_.try_emplace({record.diff_id, record.blob->digest}, found->second);
  return std::optional(record);
}

Result<bool> SharedCache::is_known(const std::string& known_key) {
  const std::lock_guard lock(mutex_);
  if (losses_ > kMaxLosses) return false;
  SCANGATE_CHECK(read_sources());
  return known_.contains(known_key);
}

// The blob is believed only after all of it was read as the layer it is said to be, which makes the inventory, too.
Result<void> SharedCache::fetch_layer(const Found& found) {
  Store& store = *host_.store;
  const DiffId& diff_id = found.record.diff_id;
  const Descriptor& blob = *found.record.blob;
  SCANGATE_TRY(const bool held, store.holds_layer(diff_id, blob.digest));
  if (held) return {};
  const Source& source = *sources_[found.source];
  if (!store.has_blob(blob.digest)) {
    if (!source.blobs.contains(blob.digest))
      return fail(Fault::remote, fmt::format("the build cache {} holds only the layers of its last stage, and one of "
                                             "another is needed",
                                             source.place.shown));
    SCANGATE_CHECK(source.folder
                       ? source.folder->take(blob, store, cancel_)
                       : host_.registry->fetch_blob(*source.place.reference, blob, store, cancel_, progress_));
  }
  LayerCataloger cataloger;
  if (auto read = stored_layer(store, blob, diff_id)->read(cataloger); !read)
    return fail(std::move(read).error().during(fmt::format("reading the build cache {}", source.place.shown)));
  SCANGATE_CHECK(store.cache_put("inventory", inventory_key(diff_id), cataloger.finish().serialise()));
  return store.record_layer(diff_id, blob);
}

Result<void> SharedCache::fetch_layers(const std::vector<DiffId>& layers) {
  std::vector<Found> wanted;
  const std::set<DiffId> each_once(layers.begin(), layers.end());
  for (const auto& [layer, found] : handed_)
    if (each_once.contains(layer.first)) wanted.push_back(found);
  if (wanted.empty()) return {};
  std::ranges::stable_sort(
      wanted, [](const Found& a, const Found& b) { return a.record.blob->size_bytes > b.record.blob->size_bytes; });
  std::vector<Result<void>> results(wanted.size());
  std::vector<std::function<Result<void>()>> jobs;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    jobs.emplace_back([&, i]() -> Result<void> {
      results[i] = fetch_layer(wanted[i]);
      return results[i] ? Result<void>() : fail(results[i].error());
    });
  std::atomic<bool> stop = false;
  const auto done = run_parallel(std::move(jobs), kParallelLayers, stop);
  if (cancel_.cancelled()) return fail(cancelled_error());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (results[i]) continue;
    const Found& found = wanted[i];
    useless_.insert(found.record.diff_id);
    if (!sources_[found.source]->blobs.contains(found.record.blob->digest)) unsent_useless_ = true;
  }
  if (!done) return done;
  for (const Found& each : wanted)
    handed_.erase({each.record.diff_id, each.record.blob->digest});
  return {};
}

Result<void> SharedCache::fetch(const std::vector<DiffId>& layers) {
  const std::lock_guard lock(mutex_);
  auto done = fetch_layers(layers);
  if (!done && !cancel_.cancelled()) {
    lost_ = true;
    progress_.line(Level::info, done.error().text());
  }
  return done;
}

Result<bool> SharedCache::try_fetch(const std::vector<DiffId>& layers) {
  const std::lock_guard lock(mutex_);
  const auto done = fetch_layers(layers);
  if (!done && cancel_.cancelled()) return fail(done.error());
  return done.has_value();
}

bool SharedCache::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void SharedCache::begin_anew() {
  const std::lock_guard lock(mutex_);
  lost_ = false;
  handed_.clear();
  ++losses_;
}

}  // namespace scangate::build
