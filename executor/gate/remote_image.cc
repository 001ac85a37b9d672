#include "executor/gate/remote_image.h"

#include "base/json/json.h"
#include "base/text.h"

namespace scangate {
namespace {

bool is_index(const std::string& text) {
  const std::string type = document_media_type(text);
  return type == media_type::kOciIndex || type == media_type::kDockerList;
}

Error no_such_image(const Reference& name) {
  return Error(Fault::user, fmt::format("no such image: {}", name.familiar()));
}

}  // namespace

Result<ImageDocuments> remote_documents(ImageCommands& images, GateCall& call, const Reference& name,
                                        const Platform& platform) {
  Registry& registry = images.registry(call);
  SCANGATE_TRY(const auto named, registry.document(name, call.cancel));
  if (!named) return fail(no_such_image(name));
  ImageDocuments out;
  out.name = name.registry + "/" + name.repository;
  out.named_text = named->text;
  out.named_digest = named->digest;
  out.manifest_text = named->text;
  if (is_index(named->text)) {
    SCANGATE_TRY(const ImageIndex index, parse_index(named->text, name.familiar()));
    const Descriptor* chosen = nullptr;
    for (const auto& entry : index.manifests)
      if (entry.platform && platform_matches(platform, *entry.platform)) {
        chosen = &entry;
        break;
      }
    if (chosen == nullptr)
      return fail(Error(Fault::user, fmt::format("{} has no image for {}", name.familiar(), platform.str())));
    Reference exact = name;
    exact.digest = chosen->digest;
    SCANGATE_TRY(const auto manifest, registry.document(exact, call.cancel));
    if (!manifest) return fail(no_such_image(exact));
    out.manifest_text = manifest->text;
  }
  SCANGATE_TRY(out.manifest, parse_manifest(out.manifest_text, name.familiar()));
  SCANGATE_TRY(out.config_text, registry.blob_text(name, out.manifest.config.digest, kMaxConfigBytes, call.cancel));
  SCANGATE_TRY(out.config, parse_config(out.config_text, name.familiar()));
  return out;
}

Result<ImageDocuments> stored_documents(const Store& store, const Digest& manifest_digest, const std::string& name) {
  ImageDocuments out;
  out.named_digest = manifest_digest;
  if (const auto reference = Reference::parse(name)) out.name = reference->registry + "/" + reference->repository;
  SCANGATE_TRY(out.manifest_text, store.read_blob(out.named_digest, kMaxManifestBytes));
  out.named_text = out.manifest_text;
  SCANGATE_TRY(out.manifest, store.manifest(out.named_digest));
  SCANGATE_TRY(out.config_text, store.read_blob(out.manifest.config.digest, kMaxConfigBytes));
  SCANGATE_TRY(out.config, store.config(out.manifest));
  return out;
}

std::string inspect_json(const ImageDocuments& image, const std::optional<std::vector<std::string>>& tags) {
  nlohmann::ordered_json out;
  out["Name"] = image.name;
  out["Digest"] = image.named_digest.str();
  if (tags) out["RepoTags"] = *tags;
  out["Created"] = image.config.created ? nlohmann::ordered_json(format_rfc3339(*image.config.created)) : nullptr;
  out["DockerVersion"] = "";
  out["Labels"] = image.config.labels;
  out["Architecture"] = image.config.platform.architecture;
  out["Os"] = image.config.platform.os;
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  nlohmann::ordered_json data = nlohmann::ordered_json::array();
  for (const auto& layer : image.manifest.layers) {
    layers.push_back(layer.digest.str());
    data.push_back({{"MIMEType", layer.media_type},
                    {"Digest", layer.digest.str()},
                    {"Size", layer.size_bytes},
                    {"Annotations", nullptr}});
  }
  out["Layers"] = std::move(layers);
  out["LayersData"] = std::move(data);
  out["Env"] = image.config.environment;
  return dump_json(out, 4) + "\n";
}

}  // namespace scangate
