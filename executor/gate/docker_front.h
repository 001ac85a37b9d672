#pragma once
// docker's command line, and podman's and nerdctl's where they are the same, on the gate's image commands.
#include "executor/gate/image_commands.h"

namespace scangate {

// One request of docker's kind, for programs that share it. The exit code, as docker gives it.
int serve_docker_request(ImageCommands& images, GateCall& call, const command::DockerRequest& request);
int serve_docker(ImageCommands& images, GateCall& call);
// A request that is parsed already, from another front end with docker's words.
int serve_docker_request(ImageCommands& images, GateCall& call, const command::DockerRequest& request);

}  // namespace scangate
