#pragma once
// An image of the store as a sandbox runs it: the job's own image and those of its services. What image and job say is
// combined as docker does it: moby, daemon/commit.go, "merge".
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "executor/engine/engine.h"

namespace scangate {

// Files mounted over those of the same name in /etc; absent: the host's.
struct NameFiles {
  std::optional<std::filesystem::path> hosts;
  std::optional<std::filesystem::path> resolv_conf;
};
std::vector<SandboxMount> name_mounts(const NameFiles& names);

struct ContainerImage {
  Digest digest;                        // of the manifest, in the store
  std::vector<std::string> entrypoint;  // empty: the image's own; {""}: none
  std::string user;                     // empty: the image's own
};

struct Container {
  Workspace workspace;
  SandboxSpec spec;                      // root, argv, environment of the image, directory, user, mounts
  std::vector<std::uint16_t> tcp_ports;  // that the image exposes, ascending
};

// `command`: empty is the image's own, unless the entrypoint was given. `kept_root`: a folder for what is changed in
// the root, used again by the next run with the same image; absent: it is dropped with the workspace. Errors:
// Fault::user for a user or an entrypoint that cannot be.
Result<Container> make_container(Engine& engine, const ContainerImage& image, const std::vector<std::string>& command,
                                 std::vector<SandboxMount> mounts,
                                 const std::optional<std::filesystem::path>& kept_root, const Cancel& cancel,
                                 Progress& progress);

// What runs: the given entrypoint or the image's, then the command. Pure; for tests.
std::vector<std::string> container_argv(const ImageConfig& config, const std::vector<std::string>& entrypoint,
                                        const std::vector<std::string>& command);
// "80/tcp", "53/udp", "8000-8002" as numbers: the TCP ones, ascending. Pure; for tests.
std::vector<std::uint16_t> tcp_ports(const std::vector<std::string>& exposed);

// The user by the accounts in `spec.root`, and HOME unless its environment has one. Errors: Fault::user for a name that
// is not there.
Result<void> set_user(SandboxSpec& spec, const std::string& user);

// Sets NAME=value, in place of an earlier one.
void set_variable(std::vector<std::string>& environment, std::string_view name, std::string value);

}  // namespace scangate
