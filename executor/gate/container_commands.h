#pragma once
// `docker ps`, `logs`, `exec`, `stop` and the others that are about containers which are there.
#include "executor/gate/image_commands.h"
#include "pipeline/command/docker_containers.h"

namespace scangate {

// The exit code, as docker's.
int serve_containers(ImageCommands& images, GateCall& call, const command::ContainerRequest& request);

// What `docker inspect` says of a container: nullopt when there is none of that name.
std::optional<std::string> inspect_container(ImageCommands& images, GateCall& call, const std::string& name);

}  // namespace scangate
