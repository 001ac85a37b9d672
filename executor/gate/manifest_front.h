#pragma once
// Serves commands that make lists of images of several platforms by hand. A list is kept in the store under its name,
// as an index, whose images are brought into the store when they join it: so a push can scan each of them.
#include "executor/gate/image_commands.h"
#include "pipeline/command/manifest.h"

namespace scangate {

// Both give the exit code.
int serve_manifest(ImageCommands& images, GateCall& call, const command::ManifestRequest& asked);
int serve_imagetools(ImageCommands& images, GateCall& call, const command::ImagetoolsRequest& asked);

}  // namespace scangate
