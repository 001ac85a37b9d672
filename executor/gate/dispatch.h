#pragma once
// Which program a command of the job is, and who serves it.
#include <span>
#include <string_view>

#include "executor/gate/image_commands.h"
#include "executor/gate/server.h"

namespace scangate {

// The names that the shim stands in for, each of which dispatch() serves.
std::span<const std::string_view> served_programs();

// Serves one command by the name it was called with. Gives the exit code for the shim, as the original program gives it
// where it has one; 3 and 4 where the gate kept an image back. Thread-safe: a job may run several commands at once.
int dispatch(ImageCommands& images, GateRequest& request, const Cancel& cancel);

}  // namespace scangate
