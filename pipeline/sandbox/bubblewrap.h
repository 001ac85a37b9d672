#pragma once
// The Sandbox over bubblewrap, for hosts without an OCI runtime that works.
#include <string>

#include "pipeline/sandbox/cgroups.h"
#include "pipeline/sandbox/sandbox.h"

namespace scangate {

// `program` is its absolute path. Its runs always have no_new_privileges, and refuse a uid or gid other than 0.
std::unique_ptr<Sandbox> make_bubblewrap_sandbox(std::string program, ProcessRunner& runner, std::string description,
                                                 RunLimits limits);

}  // namespace scangate
