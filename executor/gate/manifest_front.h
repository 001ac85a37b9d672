#pragma once
// Serves `docker manifest`, `buildah manifest` and `podman manifest`: lists of images of several platforms made by
// hand.
#include "executor/gate/image_commands.h"
#include "pipeline/command/manifest.h"

namespace scangate {

// Gives the exit code.
int serve_manifest(ImageCommands& images, GateCall& call, const command::ManifestRequest& asked);

}  // namespace scangate
