#pragma once
// `docker compose build|push|config` on the gate's image commands.
#include "executor/gate/image_commands.h"

namespace scangate {

// `arguments`: what follows "docker compose". The exit code, as docker compose gives it.
int serve_compose_arguments(ImageCommands& images, GateCall& call, std::span<const std::string> arguments);

// The program docker-compose.
int serve_compose(ImageCommands& images, GateCall& call);

}  // namespace scangate
