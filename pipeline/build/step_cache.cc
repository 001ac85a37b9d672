#include "pipeline/build/step_cache.h"

#include "base/json/json.h"

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

Result<std::optional<CachedStep>> StepCache::find(const std::string& key) const {
  if (reading_ == Reading::off) return std::nullopt;
  SCANGATE_TRY(auto text, store_.cache_get(kTable, key));
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
  return store_.cache_put(kTable, key, dump_json(json));
}

Result<bool> StepCache::is_known(const std::string& key) const {
  if (reading_ == Reading::off) return false;
  SCANGATE_TRY(auto text, store_.cache_get(kTable, key));
  return text.has_value();
}

Result<void> StepCache::mark_known(const std::string& key) {
  return store_.cache_put(kTable, key, "{}");
}

}  // namespace scangate::build
