#pragma once
// Results of earlier steps by the content they came from. DESIGN "A build".
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "pipeline/build/destination.h"
#include "pipeline/image/store.h"

namespace scangate::build {

// Collects what a step depends on; the order of calls matters.
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

class StepCache {
 public:
  enum class Reading { on, off };  // off: --no-cache
  StepCache(Store& store, Reading reading) : store_(store), reading_(reading) {}
  // A step whose layer is still in the store.
  Result<std::optional<CachedStep>> find(const std::string& key) const;
  Result<void> put(const std::string& key, const CachedStep& step);
  // Whether an instruction was ever done on this parent: if not, no content can hit and files need not be hashed first.
  Result<bool> is_known(const std::string& key) const;
  Result<void> mark_known(const std::string& key);

 private:
  Store& store_;
  Reading reading_;
};

}  // namespace scangate::build
