#pragma once
// Statements about an image beside it in an index, as BuildKit attaches them: a manifest whose layers are in-toto
// statements. https://github.com/in-toto/attestation (statement layer v0.1);
// https://docs.docker.com/build/metadata/attestations/attestation-storage/
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/image/store.h"

namespace scangate {

namespace predicate_type {
inline constexpr std::string_view kSpdx = "https://spdx.dev/Document";
inline constexpr std::string_view kProvenanceV02 = "https://slsa.dev/provenance/v0.2";
inline constexpr std::string_view kProvenanceV1 = "https://slsa.dev/provenance/v1";
}  // namespace predicate_type

inline constexpr std::string_view kStatementType = "application/vnd.in-toto+json";

struct Attestation {
  std::string_view predicate_type;
  std::string predicate;  // a JSON object
};

// What statements are about: the image `manifest_digest` under each of its names.
struct AttestationSubject {
  std::vector<std::string> names;  // package URLs; none: "_", as BuildKit writes it
  Digest manifest_digest;
};

// The in-toto statement. The predicate stands in it as it is, byte for byte.
std::string statement_text(const AttestationSubject& subject, const Attestation& attestation);

// Puts a manifest with all statements about one image into the store and gives its entry for the index that has the
// image. Errors: Fault::host; Fault::user for a statement that is larger than kMaxStatementBytes, beyond which a push
// refuses it.
Result<Descriptor> put_attestations(Store& store, const AttestationSubject& subject,
                                    const std::vector<Attestation>& attestations);

struct AttestationFile {
  std::string name;  // as BuildKit calls it where an image is written as files: "sbom.spdx.json", "provenance.json"
  std::string text;  // the statement
};

struct AttestedImage {
  Digest manifest_digest;
  std::vector<AttestationFile> files;
};

// The only image behind `digest`, and what its index says of it: for outputs that have no index. An image without an
// index is itself. Errors: Fault::user for an index of several images.
Result<AttestedImage> attested_image(const Store& store, const Digest& digest);

}  // namespace scangate
