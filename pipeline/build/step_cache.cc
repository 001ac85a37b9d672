#include "pipeline/build/step_cache.h"

#include "base/json/json.h"
#include "pipeline/build/shared_cache.h"

namespace scangate::build {
namespace {
constexpr std::string_view kTable = "buildstep";
}

StepKey& StepKey::add(std::string_view name, std::string_view value) {
  hash_.update(fmt::format("{}:{}:", name, value.size()));
  hash_.update(value);
  return *this;
}

std::string StepKey::text() {
  return hash_.finish().hex();
}

// A project's results are never served to another.
std::string StepCache::own(const std::string& key) const {
  return StepKey("own").add("names", rules_.names_of).add("key", key).text();
}

bool StepCache::is_too_old(const CachedStep& step) const {
  return rules_.max_age && step.created + *rules_.max_age < rules_.now;
}

Result<std::optional<CachedStep>> StepCache::find_here(const std::string& key) const {
  SCANGATE_TRY(auto text, store_.cache_get(kTable, own(key)));
  if (!text) return std::nullopt;
  auto json = parse_json(*text, "build cache");
  if (!json) return std::nullopt;  // damaged: as if it were not there
  CachedStep step;
  step.created = TimePoint(std::chrono::seconds(json_int(*json, "created").value_or(0)));
  const std::string diff_id = json_string(*json, "diff_id");
  if (diff_id.empty()) return json_bool(*json, "unchanged") ? std::optional(step) : std::nullopt;
  auto diff = Digest::parse(diff_id);
  auto blob = Digest::parse(json_string(*json, "blob"));
  if (!diff || !blob || !store_.has_blob(*blob)) return std::nullopt;
  StackedLayer layer;
  layer.diff_id = {*diff};
  layer.blob.digest = *blob;
  layer.blob.media_type = json_string(*json, "media_type");
  layer.blob.size_bytes = static_cast<std::uint64_t>(json_int(*json, "size").value_or(0));
  step.layer = std::move(layer);
  return step;
}

Result<std::optional<CachedStep>> StepCache::find(const std::string& key) {
  if (rules_.reading == Reading::off) return std::nullopt;
  SCANGATE_TRY(auto here, find_here(key));
  if (here && !is_too_old(*here)) return here;
  if (shared_ == nullptr) return std::nullopt;
  SCANGATE_TRY(const auto record, shared_->find(key));
  if (!record) return std::nullopt;
  CachedStep step;
  step.created = record->created;
  if (record->blob) step.layer = StackedLayer{record->diff_id, *record->blob};
  if (is_too_old(step)) return std::nullopt;
  bool is_here = true;
  if (step.layer) {
    SCANGATE_TRY(is_here, store_.holds_layer(step.layer->diff_id, step.layer->blob.digest));
  }
  // Of a layer that was not verified, nothing is remembered.
  if (is_here) {
    SCANGATE_CHECK(put(key, step));
  } else {
    const std::lock_guard lock(mutex_);
    promised_.emplace(step.layer->diff_id, std::pair(key, step));
  }
  return step;
}

Result<void> StepCache::put(const std::string& key, const CachedStep& step) {
  nlohmann::ordered_json json{{"created", step.created.time_since_epoch().count()}};
  if (step.layer) {
    json["diff_id"] = step.layer->diff_id.digest.str();
    json["blob"] = step.layer->blob.digest.str();
    json["media_type"] = step.layer->blob.media_type;
    json["size"] = step.layer->blob.size_bytes;
  } else {
    json["unchanged"] = true;
  }
  return store_.cache_put(kTable, own(key), dump_json(json));
}

Result<bool> StepCache::is_known(const std::string& key) {
  if (rules_.reading == Reading::off) return false;
  SCANGATE_TRY(auto text, store_.cache_get(kTable, own(key)));
  if (text) return true;
  return shared_ == nullptr ? Result<bool>(false) : shared_->is_known(key);
}

Result<void> StepCache::mark_known(const std::string& key) {
  return store_.cache_put(kTable, own(key), "{}");
}

Result<void> StepCache::put_fetched(const std::vector<DiffId>& layers) {
  const std::lock_guard lock(mutex_);
  for (const DiffId& each : layers) {
    const auto [begin, end] = promised_.equal_range(each);
    for (auto at = begin; at != end; ++at) {
      const CachedStep& step = at->second.second;
      SCANGATE_TRY(const bool held, store_.holds_layer(each, step.layer->blob.digest));
      if (held) SCANGATE_CHECK(put(at->second.first, step));
    }
    promised_.erase(each);
  }
  return {};
}

Result<void> StepCache::have(const std::vector<DiffId>& layers) {
  if (shared_ == nullptr) return {};
  SCANGATE_CHECK(shared_->fetch(layers));
  return put_fetched(layers);
}

Result<bool> StepCache::try_to_have(const std::vector<DiffId>& layers) {
  if (shared_ == nullptr) return true;
  SCANGATE_TRY(const bool all, shared_->try_fetch(layers));
  SCANGATE_CHECK(put_fetched(layers));
  return all;
}

}  // namespace scangate::build
