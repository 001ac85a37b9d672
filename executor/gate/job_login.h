#pragma once
// `login` and `logout` of the programs that share their form, and credentials named on a command line.
#include "executor/gate/image_commands.h"
#include "executor/gate/job_credentials.h"
#include "pipeline/command/registry_login.h"

namespace scangate {

// Both give the exit code. `command` begins the messages: "skopeo login".
int serve_login(ImageCommands& images, GateCall& call, std::string_view command, const command::LoginRequest& asked);
int serve_logout(ImageCommands& images, GateCall& call, const command::LogoutRequest& asked);

// From here on, `call` speaks with registries as `login` says: --creds before all else for `registry`, --authfile
// instead of the usual files.
void use_login(ImageCommands& images, GateCall& call, const command::RegistryLogin& login, const std::string& registry,
               AuthFiles files);

}  // namespace scangate
