#pragma once
// What is told of containers, as JSON for templates and as `docker ps` prints it.
#include <string>

#include "executor/gate/container_table.h"

namespace scangate {

// As `docker inspect` of a container gives it: an object. Source: https://docs.docker.com/reference/api/engine/,
// "Inspect a container". `health` is ContainerHealth::none when there is no check.
std::string inspect_container_json(const JobContainer& container, ContainerHealth health);

// Of one container, for --format of `docker ps`: https://docs.docker.com/reference/cli/docker/container/ls/, "Format".
// `now` is for ages.
std::string list_container_json(const JobContainer& container, TimePoint now, bool whole_ids);

// "created", "running", "exited".
std::string_view phase_name(ContainerState::Phase phase);
std::string_view container_health_name(ContainerHealth health);
// "0.0.0.0:8080->80/tcp, …".
std::string ports_text(const std::vector<command::PublishedPort>& ports);

}  // namespace scangate
