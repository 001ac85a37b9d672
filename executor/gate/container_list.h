#pragma once
// The text of `docker ps`.
#include <string>

#include "executor/gate/container_table.h"
#include "pipeline/command/docker_containers.h"

namespace scangate {

// As docker prints it: a table, ids with -q, or --format. Looks at the health of containers where a filter asks for it.
// Errors: Fault::user for a field that is not served.
Result<std::string> list_containers(JobContainers& table, const command::ListContainers& asked, const Cancel& cancel);

}  // namespace scangate
