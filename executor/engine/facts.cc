#include "executor/engine/facts.h"

#include "base/json/json.h"

namespace scangate {
namespace {

nlohmann::json place_json(const SourcePlace& place) {
  return {{"file", place.file}, {"line", place.line}};
}

std::optional<SourcePlace> place_of(const nlohmann::json& json) {
  if (!json.is_object()) return std::nullopt;
  return SourcePlace{json_string(json, "file"), static_cast<int>(json_int(json, "line").value_or(0))};
}

}  // namespace

std::string build_facts_text(const ImageFacts& facts) {
  nlohmann::json layers = nlohmann::json::array();
  for (const auto& layer : facts.layers) {
    nlohmann::json entry = {{"diffId", layer.diff_id.digest.str()}, {"base", layer.is_base}, {"stage", layer.stage}};
    if (layer.place) entry["place"] = place_json(*layer.place);
    layers.push_back(std::move(entry));
  }
  nlohmann::json places = nlohmann::json::object();
  for (const auto& [field, place] : facts.config_places)
    places[field] = place_json(place);
  nlohmann::json out = {{"layers", std::move(layers)}, {"configPlaces", std::move(places)}, {"base", facts.base_name}};
  if (facts.dockerfile) out["dockerfile"] = *facts.dockerfile;
  return dump_json(out);
}

Result<void> apply_build_facts(std::string_view text, ImageFacts& facts) {
  SCANGATE_TRY(const auto json, parse_json(text, "build facts"));
  const auto& layers = json_array(json, "layers");
  if (layers.size() != facts.layers.size())
    return fail(Fault::host, "build facts name another number of layers than the image has");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    auto& layer = facts.layers[i];
    if (json_string(layers[i], "diffId") != layer.diff_id.digest.str())
      return fail(Fault::host, "build facts name another layer than the image has");
    layer.is_base = json_bool(layers[i], "base");
    layer.stage = json_string(layers[i], "stage");
    if (layers[i].contains("place")) layer.place = place_of(layers[i]["place"]);
  }
  for (const auto& [field, place] : json_object(json, "configPlaces").items())
    if (const auto at = place_of(place)) facts.config_places[field] = *at;
  facts.base_name = json_string(json, "base");
  if (json.contains("dockerfile")) facts.dockerfile = json_string(json, "dockerfile");
  return {};
}

}  // namespace scangate
