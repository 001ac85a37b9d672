#pragma once
// The options of `buildah bud` and of the commands that are the same. Private to this folder.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/command/buildah.h"

namespace scangate::command {

// `command` begins every message: "buildah bud". nullopt: help was asked for. Errors: Fault::user.
Result<std::optional<BuildahBuild>> parse_buildah_build(std::string_view command, std::span<const std::string> args,
                                                        std::vector<std::string>& notes);

}  // namespace scangate::command
