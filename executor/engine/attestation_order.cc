#include "executor/engine/attestation_order.h"

#include "pipeline/attestation/attestation.h"
#include "scan/report/spdx.h"

namespace scangate {
namespace {

// When the image was made, so that a build from the cache says the same again.
Result<TimePoint> made_at(const Store& store, const BuiltImage& built, TimePoint otherwise) {
  SCANGATE_TRY(const Manifest manifest, store.manifest(built.manifest_digest));
  SCANGATE_TRY(const ImageConfig config, store.config(manifest));
  return config.created.value_or(otherwise);
}

}  // namespace

AttestationOrder attestation_order(const command::AttestFlags& flags) {
  AttestationOrder order;
  order.sbom = flags.sbom;
  order.facts.tool_version = SCANGATE_VERSION;
  if (flags.provenance)
    order.provenance = ProvenanceOrder{
        .mode = flags.provenance->max ? ProvenanceOrder::Mode::max : ProvenanceOrder::Mode::min,
        .slsa = flags.provenance->slsa_v1 ? ProvenanceOrder::Slsa::v1 : ProvenanceOrder::Slsa::v0_2,
        .builder_id = flags.provenance->builder_id,
        .reproducible = flags.provenance->reproducible,
    };
  return order;
}

Result<Descriptor> attest(Engine& engine, const AttestationOrder& order, const BuildRequest& request,
                          const BuiltImage& built, const std::vector<Reference>& names, const Cancel& cancel,
                          Progress& progress) {
  AttestationSubject subject{.names = {}, .manifest_digest = built.manifest_digest};
  for (const auto& name : names)
    subject.names.push_back(image_purl(name, request.platform));
  std::vector<Attestation> attestations;
  if (order.sbom) {
    const std::string name = names.empty() ? std::string() : names.front().familiar();
    SCANGATE_TRY(const auto contents, engine.contents(built.manifest_digest, name, cancel, progress));
    SCANGATE_TRY(const TimePoint created, made_at(*engine.store(), built, order.facts.finished));
    attestations.push_back({predicate_type::kSpdx,
                            spdx_document({{contents.image, contents.inventory}}, created, order.facts.tool_version)});
  }
  if (order.provenance)
    attestations.push_back({order.provenance->slsa == ProvenanceOrder::Slsa::v1 ? predicate_type::kProvenanceV1
                                                                                : predicate_type::kProvenanceV02,
                            provenance_predicate(*order.provenance, request, built, order.facts)});
  return put_attestations(*engine.store(), subject, attestations);
}

}  // namespace scangate
