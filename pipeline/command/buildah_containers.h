#pragma once
// Commands of buildah about working containers. Private to this folder. Each gives nullopt when help was asked for.
// Errors: Fault::user.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/command/buildah.h"

namespace scangate::command {

Result<std::optional<BuildahFrom>> parse_buildah_from(std::span<const std::string> args,
                                                      std::vector<std::string>& notes);
Result<std::optional<BuildahCopy>> parse_buildah_copy(std::span<const std::string> args, bool add);
Result<std::optional<BuildahRun>> parse_buildah_run(std::span<const std::string> args, std::vector<std::string>& notes);
Result<std::optional<BuildahConfig>> parse_buildah_config(std::span<const std::string> args,
                                                          std::vector<std::string>& notes);
Result<std::optional<BuildahCommit>> parse_buildah_commit(std::span<const std::string> args,
                                                          std::vector<std::string>& notes);
Result<std::optional<BuildahRemove>> parse_buildah_remove(std::span<const std::string> args);
Result<std::optional<BuildahContainers>> parse_buildah_containers(std::span<const std::string> args);

}  // namespace scangate::command
