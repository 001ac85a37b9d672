#include "pipeline/build/image_writer.h"

#include "pipeline/image/repack.h"
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

Result<bool> as_docker(const StageState& state, const ImageForm& form) {
  const ImageConfig& config = state.config;
  const bool fits = fits_docker(state) && form.annotations.empty();
  if (form.types == ImageForm::Types::docker && !fits)
    return fail(Error(Fault::user, "Docker's manifest has no annotations, and layers in gzip only")
                    .remedy("leave out oci-mediatypes=false"));
  if (form.types != ImageForm::Types::fitting) return form.types == ImageForm::Types::docker;
  return (config.healthcheck || config.shell || !config.on_build.empty()) && fits;
}

}  // namespace

Result<void> write_image(Store& store, StageState state, const std::map<std::string, std::string>& labels,
                         const ImageForm& form, const std::string& dockerfile_name, TimePoint started,
                         const Cancel& cancel, BuiltImage& built, const std::vector<CacheRecord>* inline_cache) {
  ImageConfig& config = state.config;
  config.diff_ids = state.diff_ids();
  for (const auto& [name, value] : labels)
    config.labels[name] = value;
  config.created = state.layer_time.value_or(started);
  std::map<DiffId, Descriptor> repacked;
  for (StageLayer& each : state.layers) {
    if (!form.compression || (each.facts.is_base && !form.force)) continue;
    SCANGATE_TRY(each.layer.blob, repack_layer(store, each.layer.diff_id, each.layer.blob, *form.compression,
                                               each.facts.is_base ? std::nullopt : form.level, cancel));
    repacked[each.layer.diff_id] = each.layer.blob;
  }
  SCANGATE_TRY(const bool docker, as_docker(state, form));
  Manifest manifest;
  manifest.annotations = form.annotations;
  manifest.media_type = docker ? media_type::kDockerManifest : media_type::kOciManifest;
  for (const StageLayer& each : state.layers) {
    Descriptor layer = each.layer.blob;
    layer.media_type = layer_type(layer.media_type, docker);
    layer.platform.reset();
    manifest.layers.push_back(std::move(layer));
  }
  std::string config_text = to_json(config);
  if (inline_cache != nullptr) {
    // They name blobs of the image that they travel in.
    std::vector<CacheRecord> records = *inline_cache;
    for (CacheRecord& each : records)
      if (const auto found = repacked.find(each.diff_id); each.blob && found != repacked.end())
        each.blob = found->second;
    config_text = with_inline_cache(config_text, records);
  }
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
