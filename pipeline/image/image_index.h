#pragma once
// Images of several platforms in the store: an index names a manifest for each. OCI image-spec v1.1, image-index.md;
// Docker's manifest list says the same under another media type.
#include <optional>
#include <string_view>

#include "pipeline/image/store.h"

namespace scangate {

bool is_index_type(std::string_view media_type);

// The index behind a digest; nullopt when the blob is something else, a manifest as a rule. Errors: Fault::user when it
// is not in the store or malformed.
Result<std::optional<ImageIndex>> stored_index(const Store& store, const Digest& digest);

// The manifest that runs on `platform`: of an index the first entry that fits, of a manifest itself. Errors:
// Fault::user naming the platforms there are.
Result<Digest> platform_manifest(const Store& store, const Digest& digest, const Platform& platform);

// What an entry's manifest holds, told from its layers and never from what the index says of it.
enum class IndexPart {
  image,
  attestation,  // statements about an image (in-toto), no file system: nothing in it can run
};
// Errors: Fault::user for one that is neither: layers and statements mixed, statements that are not JSON or too large.
Result<IndexPart> index_part(const Store& store, const Digest& manifest_digest);
// The same for a manifest whose blobs are not there yet: by media types alone. False for mixed ones, too.
bool is_attestation(const Manifest& manifest);

// An entry for a manifest of the store, with the platform that its config names.
Result<Descriptor> index_entry(const Store& store, const Digest& manifest_digest);

// Largest statement: the SBOM of a full desktop image has some 30 MB.
inline constexpr std::size_t kMaxStatementBytes = 64U << 20U;

}  // namespace scangate
