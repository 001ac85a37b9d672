#pragma once
// `docker run` and `docker create` of an image: a sandbox of its own on an overlay of the image, in the job's network.
#include "executor/gate/container_table.h"
#include "executor/gate/image_commands.h"

namespace scangate {

// Exit code of the command, and docker's own where it never ran: 125, 126, 127. In the background (-d): 0.
int run_container(ImageCommands& images, GateCall& call, const command::RunRequest& asked);

// Runs a container that is there with the caller's streams, and gives its exit code as run_container() does.
int attach_container(ImageCommands& images, GateCall& call, const JobContainers::Ptr& container, bool interactive);
// The same in the background: until its program runs, or could not be started.
Result<void> start_container(ImageCommands& images, const JobContainers::Ptr& container);

// Variables of the command line over those of `environment`: -e and --env-file.
Result<void> set_asked_variables(std::vector<std::string>& environment, const GateCall& call,
                                 const std::vector<std::string>& files, const std::vector<std::string>& entries);

}  // namespace scangate
