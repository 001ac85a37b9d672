#include "pipeline/build/image_writer.h"

#include "pipeline/image/transfer.h"

namespace scangate::build {
namespace {

// The same bytes under the name that the manifest's format has for them.
std::string layer_type(const std::string& type, bool docker) {
  if (docker && type == media_type::kOciLayerGzip) return std::string(media_type::kDockerLayerGzip);
  if (!docker && type == media_type::kDockerLayerGzip) return std::string(media_type::kOciLayerGzip);
  return type;
}

bool fits_docker(const StageState& state) {
  for (const StageLayer& each : state.layers) {
    const std::string& type = each.layer.blob.media_type;
    if (type != media_type::kOciLayerGzip && type != media_type::kDockerLayerGzip &&
        type != media_type::kDockerForeignLayer)
      return false;
  }
  return true;
}

}  // namespace

Result<void> write_image(Store& store, StageState state, const std::map<std::string, std::string>& labels,
                         const std::string& dockerfile_name, TimePoint started, BuiltImage& built,
                         const std::vector<CacheRecord>* inline_cache) {
  ImageConfig& config = state.config;
  config.diff_ids = state.diff_ids();
  for (const auto& [name, value] : labels)
    config.labels[name] = value;
  config.created = state.layer_time.value_or(started);
  const bool docker = (config.healthcheck || config.shell || !config.on_build.empty()) && fits_docker(state);
  Manifest manifest;
  manifest.media_type = docker ? media_type::kDockerManifest : media_type::kOciManifest;
  for (const StageLayer& each : state.layers) {
    Descriptor layer = each.layer.blob;
    layer.media_type = layer_type(layer.media_type, docker);
    layer.platform.reset();
    manifest.layers.push_back(std::move(layer));
  }
  std::string config_text = to_json(config);
  if (inline_cache != nullptr) config_text = with_inline_cache(config_text, *inline_cache);
  SCANGATE_TRY(manifest.config.digest, store.put_blob(config_text));
  manifest.config.media_type = docker ? media_type::kDockerConfig : media_type::kOciConfig;
  manifest.config.size_bytes = config_text.size();
  SCANGATE_TRY(built.manifest_digest, store.put_blob(to_json(manifest)));
  built.config_digest = manifest.config.digest;
  SCANGATE_TRY(built.facts, image_facts(store, built.manifest_digest, ""));
  built.facts.layers.clear();
  for (StageLayer& each : state.layers)
    built.facts.layers.push_back(std::move(each.facts));
  built.facts.config_places = std::move(state.places);
  built.facts.base_name = std::move(state.base_name);
  built.facts.dockerfile = dockerfile_name;
  return {};
}

}  // namespace scangate::build
