#pragma once
// The Sandbox over crun or runc.
#include <string>

#include "pipeline/sandbox/cgroups.h"
#include "pipeline/sandbox/sandbox.h"

namespace scangate {

enum class OciRuntime { crun, runc };
std::string_view oci_runtime_name(OciRuntime runtime);

// `program` is its absolute path; `run_folder` an existing empty folder that each run mounts its own tmpfs over, in a
// mount namespace of its own.
std::unique_ptr<Sandbox> make_oci_sandbox(OciRuntime runtime, std::string program, std::filesystem::path run_folder,
                                          ProcessRunner& runner, std::string description, RunLimits limits);

// Whether our process is in a user namespace other than the first: /proc/self/uid_map, user_namespaces(7).
bool in_user_namespace();

}  // namespace scangate
