#pragma once
// What a build command asks to be said of its images, and how it is made: the SBOM of what their layers hold, the
// provenance of what the builder knows.
#include <optional>
#include <vector>

#include "executor/engine/engine.h"
#include "pipeline/attestation/provenance.h"
#include "pipeline/command/attest_flags.h"

namespace scangate {

struct AttestationOrder {
  bool sbom = false;
  std::optional<ProvenanceOrder> provenance;
  ProvenanceFacts facts;  // `started` and `finished` are the build's to fill in
  bool is_wanted() const { return sbom || provenance.has_value(); }
};

AttestationOrder attestation_order(const command::AttestFlags& flags);

// Makes what `order` asks for about one built image and puts it into the store; gives its entry for the image's index.
// Errors: those of reading the image's layers: it is not said what an image holds that could not be read.
Result<Descriptor> attest(Engine& engine, const AttestationOrder& order, const BuildRequest& request,
                          const BuiltImage& built, const std::vector<Reference>& names, const Cancel& cancel,
                          Progress& progress);

}  // namespace scangate
