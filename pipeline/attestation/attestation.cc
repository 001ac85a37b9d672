#include "pipeline/attestation/attestation.h"

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/image/image_index.h"

namespace scangate {
namespace {

// A registry and its tools want a config; what has no file system runs on no platform.
std::string config_text(const std::vector<Descriptor>& layers) {
  nlohmann::ordered_json ids = nlohmann::ordered_json::array();
  for (const Descriptor& layer : layers)
    ids.push_back(layer.digest.str());
  nlohmann::ordered_json out;
  out["architecture"] = "unknown";
  out["os"] = "unknown";
  out["config"] = nlohmann::ordered_json::object();
  out["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(ids)}};
  return dump_json(out);
}

}  // namespace

std::string statement_text(const AttestationSubject& subject, const Attestation& attestation) {
  nlohmann::ordered_json subjects = nlohmann::ordered_json::array();
  const auto add = [&](const std::string& name) {
    subjects.push_back({{"name", name}, {"digest", {{"sha256", subject.manifest_digest.hex()}}}});
  };
  for (const auto& name : subject.names)
    add(name);
  if (subject.names.empty()) add("_");
  // The predicate is not parsed again: an SBOM of a large image has some ten megabytes.
  const bool v1 = attestation.predicate_type == predicate_type::kProvenanceV1;
  return fmt::format(R"({{"_type":"{}","predicateType":"{}","subject":{},"predicate":{}}})",
                     v1 ? "https://in-toto.io/Statement/v1" : "https://in-toto.io/Statement/v0.1",
                     attestation.predicate_type, dump_json(subjects), attestation.predicate);
}

Result<Descriptor> put_attestations(Store& store, const AttestationSubject& subject,
                                    const std::vector<Attestation>& attestations) {
  Manifest manifest{.media_type = std::string(media_type::kOciManifest)};
  for (const Attestation& each : attestations) {
    const std::string text = statement_text(subject, each);
    if (text.size() > kMaxStatementBytes)
      return fail(
          Error(Fault::user, fmt::format("the statement {} about the image has {}, more than {}", each.predicate_type,
                                         human_bytes(text.size()), human_bytes(kMaxStatementBytes)))
              .remedy("build without it"));
    SCANGATE_TRY(const Digest digest, store.put_blob(text));
    manifest.layers.push_back({.media_type = std::string(kStatementType),
                               .digest = digest,
                               .size_bytes = text.size(),
                               .annotations = {{"in-toto.io/predicate-type", std::string(each.predicate_type)}}});
  }
  const std::string config = config_text(manifest.layers);
  SCANGATE_TRY(const Digest config_digest, store.put_blob(config));
  manifest.config = {
      .media_type = std::string(media_type::kOciConfig), .digest = config_digest, .size_bytes = config.size()};
  const std::string text = to_json(manifest);
  SCANGATE_TRY(const Digest digest, store.put_blob(text));
  return Descriptor{.media_type = manifest.media_type,
                    .digest = digest,
                    .size_bytes = text.size(),
                    .platform = Platform{.os = "unknown", .architecture = "unknown"},
                    .annotations = {{"vnd.docker.reference.type", "attestation-manifest"},
                                    {"vnd.docker.reference.digest", subject.manifest_digest.str()}}};
}

Result<AttestedImage> attested_image(const Store& store, const Digest& digest) {
  AttestedImage out{.manifest_digest = digest, .files = {}};
  SCANGATE_TRY(const auto index, stored_index(store, digest));
  if (!index) return out;
  std::size_t images = 0;
  for (const Descriptor& entry : index->manifests) {
    SCANGATE_TRY(const IndexPart part, index_part(store, entry.digest));
    if (part == IndexPart::image) {
      out.manifest_digest = entry.digest;
      ++images;
      continue;
    }
    SCANGATE_TRY(const Manifest manifest, store.manifest(entry.digest));
    for (const Descriptor& layer : manifest.layers) {
      const auto type = layer.annotations.find("in-toto.io/predicate-type");
      const bool spdx = type != layer.annotations.end() && type->second == predicate_type::kSpdx;
      SCANGATE_TRY(std::string text, store.read_blob(layer.digest, kMaxStatementBytes));
      out.files.push_back({spdx ? "sbom.spdx.json" : "provenance.json", std::move(text)});
    }
  }
  if (images != 1)
    return fail(Error(Fault::user, fmt::format("the files of {} images cannot go to one place", images))
                    .remedy("build for one platform"));
  return out;
}

}  // namespace scangate
