#pragma once
// Scanners that a job runs in a container are answered by the native scan.
#include <optional>

#include "executor/gate/image_commands.h"
#include "pipeline/command/docker_run.h"

namespace scangate {

// A scanner in a container is not run: the image it was to scan is scanned natively, with the host's data and policy.
// nullopt when the image is no known scanner. 3 when the gate would keep the image back, 4 when it could not decide.
std::optional<int> answer_scanner(ImageCommands& images, GateCall& call, const command::RunRequest& asked);

}  // namespace scangate
