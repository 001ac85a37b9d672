#pragma once
// Results of earlier steps by the content they came from. DESIGN "A build".
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "pipeline/build/destination.h"
#include "pipeline/image/store.h"

namespace scangate::build {

class SharedCache;

// Collects what a step depends on; the order of calls matters. The same on every host: nothing of a host, a project or
// a time goes in, so that hosts can share results.
class StepKey {
 public:
  explicit StepKey(std::string_view kind) { add("kind", kind); }
  StepKey& add(std::string_view name, std::string_view value);
  std::string text();  // hex; the key is spent

 private:
  Sha256 hash_;
};

struct CachedStep {
  std::optional<StackedLayer> layer;  // absent: the step changed nothing
  TimePoint created{};
};

// This host's results, each project's alone, and behind them those of --cache-from. Thread-safe; store and `shared`
// (may be null) outlive it.
class StepCache {
 public:
  enum class Reading { on, off };  // off: --no-cache
  struct Rules {
    Reading reading = Reading::on;
    std::string names_of;                         // whose results: BuildRequest::cache_namespace
    std::optional<std::chrono::seconds> max_age;  // older results do not count
    TimePoint now{};
  };
  StepCache(Store& store, Rules rules, SharedCache* shared)
      : store_(store), rules_(std::move(rules)), shared_(shared) {}
  // A step whose layer is still in the store, or can be had: see have().
  Result<std::optional<CachedStep>> find(const std::string& key);
  Result<void> put(const std::string& key, const CachedStep& step);
  // Whether an instruction was ever done on this parent: if not, no content can hit and files need not be hashed first.
  Result<bool> is_known(const std::string& key);
  Result<void> mark_known(const std::string& key);
  // Layers of steps that find() gave need not be here until their content is: this fetches what is not. Errors also:
  // the build has to begin anew (SharedCache::lost()).
  Result<void> have(const std::vector<DiffId>& layers);
  Result<bool> try_to_have(const std::vector<DiffId>& layers);

 private:
  Result<std::optional<CachedStep>> find_here(const std::string& key) const;
  bool is_too_old(const CachedStep& step) const;
  std::string own(const std::string& key) const;
  Result<void> put_fetched(const std::vector<DiffId>& layers);

  Store& store_;
  const Rules rules_;
  SharedCache* shared_;
  std::mutex mutex_;
  std::multimap<DiffId, std::pair<std::string, CachedStep>> promised_;  // shared results whose layers are not here yet
};

}  // namespace scangate::build
