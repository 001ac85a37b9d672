#pragma once
// Serves `docker buildx imagetools create` and `inspect`. The first is a push: the gate is before it.
// Source: https://docs.docker.com/reference/cli/docker/buildx/imagetools/.
#include "executor/gate/image_commands.h"
#include "pipeline/command/manifest.h"

namespace scangate {

// Gives the exit code.
int serve_imagetools(ImageCommands& images, GateCall& call, const command::ImagetoolsRequest& asked);

// Lays the annotations of --annotation over a list: "index:NAME=VALUE", "manifest-descriptor:NAME=VALUE". Errors:
// Fault::user for other kinds and for what has no name.
Result<void> annotate_index(ImageIndex& index, const std::vector<std::string>& annotations);

}  // namespace scangate
