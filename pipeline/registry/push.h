#pragma once
// One push of a stored image.
#include "pipeline/registry/client.h"
#include "pipeline/registry/pull.h"

namespace scangate {

Result<PushedImage> push_image(const RegistryClient& client, const Store& store, const Digest& manifest_digest,
                               const Reference& to, BlobSources& sources, const Cancel& cancel, Progress& progress);

}  // namespace scangate
