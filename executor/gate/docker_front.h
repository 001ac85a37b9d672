#pragma once
// docker's command line, and podman's and nerdctl's where they are the same, on the gate's image commands.
#include "executor/gate/image_commands.h"

namespace scangate {

// The exit code, as docker gives it.
int serve_docker(ImageCommands& images, GateCall& call);

}  // namespace scangate
