#pragma once
// What several commands of buildah take. Private to this folder. The targets and `notes` outlive the parse.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/command/flag_makers.h"
#include "pipeline/command/image_location.h"
#include "pipeline/command/registry_login.h"

namespace scangate::command::buildah {

inline constexpr std::string_view kNotYet = "not supported yet";
inline constexpr std::string_view kUnchanged = "images leave as they were scanned, byte for byte";
inline constexpr std::string_view kOwnSandbox = "steps run in the runner host's own sandbox";
inline constexpr std::string_view kOwnStore = "images are kept in the runner host's own store";

// Of every command that speaks with a registry.
void add_registry(std::vector<Flag>& flags, RegistryLogin& login, std::vector<std::string>& notes);

struct PlatformFlags {
  std::string platform, os, architecture, variant;
  std::string text() const;  // "linux/arm64"; empty when none was given
};
void add_platform(std::vector<Flag>& flags, PlatformFlags& platform);

// A plain name, or one with docker://, containers-storage: or docker-daemon: in front. Errors: Fault::user.
Result<std::string> image_name(std::string_view command, const std::string& written);
// Where a push goes: without a transport it is a registry's name. Errors: Fault::user.
Result<std::optional<ImageLocation>> destination(std::string_view command, const std::string& written);

}  // namespace scangate::command::buildah
