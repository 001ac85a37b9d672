#pragma once
// The options of `docker build` and of the commands that are the same. Private to this folder.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/command/docker.h"

namespace scangate::command {

// `command` begins every message: "docker buildx build". `builder`: of buildx's own flags. nullopt: help was asked for.
// Errors: Fault::user.
Result<std::optional<BuildRequest>> parse_docker_build(std::string_view command, std::span<const std::string> args,
                                                       bool is_buildx, std::string builder,
                                                       std::vector<std::string>& notes);

}  // namespace scangate::command
