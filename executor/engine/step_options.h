#pragma once
// From the flags of a build command to what the builder is told about its steps.
#include "pipeline/build/build.h"
#include "pipeline/command/step_flags.h"

namespace scangate {

// Hosts and limits; secrets and agents need the caller's files. Errors: Fault::user for a limit of an unknown name.
Result<StepOptions> step_options(const command::StepFlags& flags);

// Fault::user, each with its remedy.
Error secret_not_found(std::string_view id, std::string_view variable);
Error no_agent(std::string_view id);
Error no_socket(std::string_view id, std::string_view path);

}  // namespace scangate
