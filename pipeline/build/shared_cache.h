#pragma once
// Results of steps that other hosts left in a registry or a folder: --cache-from.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "pipeline/build/build.h"
#include "pipeline/build/cache_record.h"

namespace scangate::build {

// Sources are read when a step is asked for that this host does not know; layers are fetched when their content is
// needed, and verified then. A source or layer that is of no use costs a line in the log, never the build: see lost().
// Thread-safe. What it is made with outlives it.
class SharedCache {
 public:
  // Of an index of images, the one of `platform` is asked.
  SharedCache(const std::vector<CachePlace>& from, Platform platform, const BuildHost& host, const Cancel& cancel,
              Progress& progress);
  ~SharedCache();

  Result<std::optional<CacheRecord>> find(const std::string& key);
  Result<bool> is_known(const std::string& known_key);

  // Brings those of `layers` that find() gave into the store, with their inventories. After an Error that is no
  // cancellation lost() is true: what stood on the layer was not, and the build has to begin anew without it.
  Result<void> fetch(const std::vector<DiffId>& layers);
  // The same where nothing stands on them: whether all are there.
  Result<bool> try_fetch(const std::vector<DiffId>& layers);

  bool lost() const;
  // Forgets the loss; what was lost is not found again. After kMaxLosses nothing is found any more.
  void begin_anew();

 private:
  struct Source;
  struct Found {
    CacheRecord record;
    std::size_t source = 0;
  };
  Result<void> read_sources();
  Result<void> read_source(std::size_t index);
  Result<std::optional<std::string>> document_of(const CachePlace& place);
  Result<std::vector<CacheRecord>> records_of(const Source& source, const Manifest& manifest);
  Result<void> fetch_layers(const std::vector<DiffId>& layers);
  Result<void> fetch_layer(const Found& found);

  const Platform platform_;
  const BuildHost& host_;
  const Cancel& cancel_;
  Progress& progress_;
  mutable std::mutex mutex_;  // of all that follows; held while something is read
  std::vector<std::unique_ptr<Source>> sources_;
  bool read_ = false;
  std::unordered_map<std::string, Found> records_;  // by key; the first source that has it counts
  std::unordered_set<std::string> known_;
  std::map<std::pair<DiffId, Digest>, Found> handed_;  // by find(), not fetched yet; each packing of a layer by itself
  std::set<DiffId> useless_;
  bool unsent_useless_ = false;  // layers that a source tells of and does not hold
  bool lost_ = false;
  int losses_ = 0;
};

}  // namespace scangate::build
