#pragma once
// `docker network` and `docker volume`: names that containers share.
#include "executor/gate/call.h"
#include "executor/gate/container_table.h"
#include "pipeline/command/docker_containers.h"

namespace scangate {

// The exit code, as docker's.
int serve_named_objects(JobContainers& table, GateCall& call, const command::NamedObjects& asked);

}  // namespace scangate
