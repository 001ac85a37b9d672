#include "pipeline/build/cache_record.h"

#include <algorithm>
#include <array>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/image/layer.h"

namespace scangate {
namespace {

constexpr int kVersion = 1;
// Year 9999: what later code writes as RFC 3339.
constexpr std::int64_t kMaxTime = 253'402'300'799;

bool is_key(std::string_view text) {
  return text.size() == 2 * Digest::kSize && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_layer_type(std::string_view type) {
  static constexpr std::array<std::string_view, 4> kTypes = {media_type::kOciLayer, media_type::kOciLayerGzip,
                                                             media_type::kOciLayerZstd, media_type::kDockerLayerGzip};
  return std::ranges::find(kTypes, type) != kTypes.end();
}

std::optional<CacheRecord> read_record(const nlohmann::json& item) {
  if (!item.is_object()) return std::nullopt;
  CacheRecord out;
  out.key = json_string(item, "key");
  out.known_key = json_string(item, "known");
  if (!is_key(out.key) || (!out.known_key.empty() && !is_key(out.known_key))) return std::nullopt;
  const std::int64_t created = json_int(item, "created").value_or(-1);
  if (created < 0 || created > kMaxTime) return std::nullopt;
  out.created = TimePoint(std::chrono::seconds(created));
  if (!item.contains("diff_id")) return json_bool(item, "unchanged") ? std::optional(std::move(out)) : std::nullopt;
  const auto diff_id = Digest::parse(json_string(item, "diff_id"));
  const nlohmann::json& blob = json_object(item, "blob");
  const auto digest = Digest::parse(json_string(blob, "digest"));
  const std::int64_t size = json_int(blob, "size").value_or(-1);
  Descriptor layer;
  layer.media_type = json_string(blob, "mediaType");
  if (!diff_id || !digest || size < 0 || static_cast<std::uint64_t>(size) > kMaxLayerBytes ||
      !is_layer_type(layer.media_type))
    return std::nullopt;
  layer.digest = *digest;
  layer.size_bytes = static_cast<std::uint64_t>(size);
  out.diff_id = {*diff_id};
  out.blob = std::move(layer);
  return out;
}

}  // namespace

namespace {

nlohmann::ordered_json cache_json(const std::vector<CacheRecord>& records) {
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  for (const CacheRecord& each : records) {
    if (steps.size() == kMaxCacheRecords) break;
    nlohmann::ordered_json step{{"key", each.key}};
    if (!each.known_key.empty()) step["known"] = each.known_key;
    step["created"] = each.created.time_since_epoch().count();
    if (each.blob) {
      step["diff_id"] = each.diff_id.digest.str();
      step["blob"] = {
          {"mediaType", each.blob->media_type}, {"digest", each.blob->digest.str()}, {"size", each.blob->size_bytes}};
    } else {
      step["unchanged"] = true;
    }
    steps.push_back(std::move(step));
  }
  return {{"version", kVersion}, {"steps", std::move(steps)}};
}

Result<std::vector<CacheRecord>> read_cache(const nlohmann::json& document, std::string_view place) {
  if (!document.is_object())
    return fail(Error(Fault::user, "the list of steps is no JSON object").at(std::string(place)));
  if (json_int(document, "version") != kVersion)
    return fail(Error(Fault::user, fmt::format("the list of steps has a version other than {}", kVersion))
                    .at(std::string(place)));
  std::vector<CacheRecord> out;
  for (const nlohmann::json& item : json_array(document, "steps")) {
    if (out.size() == kMaxCacheRecords) break;
    if (auto record = read_record(item)) out.push_back(std::move(*record));
  }
  return out;
}

}  // namespace

std::string cache_config_text(const std::vector<CacheRecord>& records) {
  return dump_json(cache_json(records));
}

Result<std::vector<CacheRecord>> parse_cache_config(std::string_view text, std::string_view place) {
  if (text.size() > kMaxCacheConfigBytes)
    return fail(
        Error(Fault::user, fmt::format("the list of steps is larger than {}", human_bytes(kMaxCacheConfigBytes)))
            .at(std::string(place)));
  SCANGATE_TRY(const nlohmann::json document, parse_json(text, place));
  return read_cache(document, place);
}

std::string with_inline_cache(std::string_view config, const std::vector<CacheRecord>& records) {
  auto document = nlohmann::ordered_json::parse(config);
  document[std::string(kInlineCacheMember)] = cache_json(records);
  return dump_json(document);
}

Result<std::optional<std::vector<CacheRecord>>> parse_inline_cache(std::string_view config, std::string_view place) {
  SCANGATE_TRY(const nlohmann::json document, parse_json(config, place));
  const nlohmann::json& list = json_object(document, kInlineCacheMember);
  if (list.empty()) return std::nullopt;
  SCANGATE_TRY(auto records, read_cache(list, place));
  return std::optional(std::move(records));
}

}  // namespace scangate
