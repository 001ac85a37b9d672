#pragma once
// Commands of docker about images of the store. Private to this folder. Each gives nullopt when help was asked for;
// `command` begins every message. Errors: Fault::user.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/command/docker.h"

namespace scangate::command {

Result<std::optional<HistoryRequest>> parse_docker_history(std::string_view command, std::span<const std::string> args);
Result<std::optional<ImagesRequest>> parse_docker_images(std::string_view command, std::span<const std::string> args);
Result<std::optional<InspectRequest>> parse_docker_inspect(std::string_view command, std::span<const std::string> args,
                                                           const std::string& type);
Result<std::optional<RmiRequest>> parse_docker_rmi(std::string_view command, std::span<const std::string> args);
Result<std::optional<SaveRequest>> parse_docker_save(std::string_view command, std::span<const std::string> args);
Result<std::optional<LoadRequest>> parse_docker_load(std::string_view command, std::span<const std::string> args);

}  // namespace scangate::command
