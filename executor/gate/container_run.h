#pragma once
// `docker run` of an image: in a sandbox of its own on an overlay of the image, gone when its command ends.
#include "executor/gate/image_commands.h"
#include "pipeline/command/docker_run.h"

namespace scangate {

// Exit code of the command, and docker's own where it never ran: 125, 126, 127.
int run_container(ImageCommands& images, GateCall& call, const command::RunRequest& asked);

// A scanner in a container is not run: the image it was to scan is scanned natively, with the host's data and policy.
// nullopt when the image is no known scanner. 3 when the gate would keep the image back, 4 when it could not decide.
std::optional<int> answer_scanner(ImageCommands& images, GateCall& call, const command::RunRequest& asked);

}  // namespace scangate
