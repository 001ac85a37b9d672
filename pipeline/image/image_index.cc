#include "pipeline/image/image_index.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"

namespace scangate {
namespace {

// in-toto attestation framework, "Statement" and "Envelope" (DSSE): what BuildKit and cosign attach.
bool is_statement_type(std::string_view type) {
  return type == "application/vnd.in-toto+json" || type == "application/vnd.dsse.envelope.v1+json";
}

}  // namespace

bool is_index_type(std::string_view type) {
  return type == media_type::kOciIndex || type == media_type::kDockerList;
}

Result<std::optional<ImageIndex>> stored_index(const Store& store, const Digest& digest) {
  SCANGATE_TRY(const std::string text, store.read_blob(digest, kMaxManifestBytes));
  if (!is_index_type(document_media_type(text))) return std::optional<ImageIndex>();
  SCANGATE_TRY(ImageIndex index, parse_index(text, "index " + digest.str()));
  return std::optional(std::move(index));
}

Result<Digest> platform_manifest(const Store& store, const Digest& digest, const Platform& platform) {
  SCANGATE_TRY(const auto index, stored_index(store, digest));
  if (!index) return digest;
  std::vector<std::string> offered;
  for (const Descriptor& entry : index->manifests) {
    if (entry.platform && platform_matches(platform, *entry.platform)) return entry.digest;
    if (entry.platform && entry.platform->os != "unknown") offered.push_back(printable(entry.platform->str()));
  }
  return fail(Error(Fault::user,
                    fmt::format("there is no image for {}; it has {}", platform.str(),
                                offered.empty() ? "none with a platform" : fmt::format("{}", fmt::join(offered, ", "))))
                  .at("index " + digest.str()));
}

bool is_attestation(const Manifest& manifest) {
  return !manifest.layers.empty() && std::ranges::all_of(manifest.layers, [](const Descriptor& layer) {
    return is_statement_type(layer.media_type);
  });
}

Result<IndexPart> index_part(const Store& store, const Digest& manifest_digest) {
  SCANGATE_TRY(const Manifest manifest, store.manifest(manifest_digest));
  if (std::ranges::none_of(manifest.layers,
                           [](const Descriptor& layer) { return is_statement_type(layer.media_type); }))
    return IndexPart::image;
  const std::string place = "manifest " + manifest_digest.str();
  if (!is_attestation(manifest))
    return fail(Error(Fault::user, "it has statements and layers of a file system in one").at(place));
  // What is called a statement is one: else it would be a way to send any file past the scan.
  std::vector<Descriptor> documents = manifest.layers;
  documents.push_back(manifest.config);
  for (const Descriptor& each : documents) {
    SCANGATE_TRY(const std::string text, store.read_blob(each.digest, kMaxStatementBytes));
    if (!nlohmann::json::accept(text))
      return fail(Error(Fault::user, fmt::format("its part {} is called {}, and is not JSON", each.digest.str(),
                                                 printable(each.media_type)))
                      .at(place));
  }
  return IndexPart::attestation;
}

Result<Descriptor> index_entry(const Store& store, const Digest& manifest_digest) {
  SCANGATE_TRY(const std::string text, store.read_blob(manifest_digest, kMaxManifestBytes));
  SCANGATE_TRY(const Manifest manifest, parse_manifest(text, "manifest " + manifest_digest.str()));
  Descriptor out;
  out.media_type = manifest.media_type;
  out.digest = manifest_digest;
  out.size_bytes = text.size();
  SCANGATE_TRY(const ImageConfig config, store.config(manifest));
  out.platform = config.platform;
  return out;
}

}  // namespace scangate
