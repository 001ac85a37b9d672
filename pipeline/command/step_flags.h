#pragma once
// Flags of build commands that say what RUN steps find and what they are held to: docker's, buildx's, buildah's and our
// own. https://docs.docker.com/reference/cli/docker/buildx/build/
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pipeline/command/flags.h"

namespace scangate::command {

// --secret [type=file|env,]id=ID[,src=FILE|,env=NAME]. When neither is named, the variable called like the id counts,
// else the file.
struct SecretFlag {
  std::string id;
  std::string file;
  std::string variable;
  bool operator==(const SecretFlag&) const = default;
};

// --ssh default|ID[=SOCKET|KEY[,KEY]]; without a path it is the agent of SSH_AUTH_SOCK.
struct SshFlag {
  std::string id;
  std::string path;
  bool operator==(const SshFlag&) const = default;
};

// --ulimit NAME=SOFT[:HARD]; -1 is unlimited.
struct ResourceFlag {
  std::string name;
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
  bool operator==(const ResourceFlag&) const = default;
};

struct StepFlags {
  std::vector<SecretFlag> secrets;
  std::vector<SshFlag> agents;
  std::vector<std::pair<std::string, std::string>> add_hosts;  // name, address
  std::vector<ResourceFlag> resources;
  std::optional<std::uint64_t> shared_memory_bytes;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> cpu_period_us, cpu_quota_us;
};

// Fault::user for what is none.
Result<SecretFlag> parse_secret_flag(const std::string& value);
Result<SshFlag> parse_ssh_flag(const std::string& value);
Result<ResourceFlag> parse_resource_flag(const std::string& value);
Result<std::pair<std::string, std::string>> parse_host_flag(const std::string& value);
Result<std::uint64_t> parse_size_flag(const std::string& value);

// Adds them all, under the names that docker and buildah share. `into` and `notes` outlive the parse.
void add_step_flags(std::vector<Flag>& flags, StepFlags& into, std::vector<std::string>& notes);

}  // namespace scangate::command
