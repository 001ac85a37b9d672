#pragma once
// `login` as buildah, skopeo and podman share it. Source: skopeo-login(1), buildah-login(1).
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/command/docker.h"

namespace scangate::command {

// What one end of a transfer brings to its registry. Secrets: never print them.
struct RegistryLogin {
  std::string user;
  std::string password;
  std::string authfile;  // a config.json of the job; empty: the usual one
  bool given() const { return !user.empty(); }
};

struct ContainersLogin {
  LoginRequest request;
  std::string authfile;
  std::vector<std::string> notes;
  bool help = false;
};

// `program` is "skopeo" or "buildah". Errors: Fault::user.
Result<ContainersLogin> parse_containers_login(std::string_view program, std::span<const std::string> args);

// The same for `logout`.
struct ContainersLogout {
  LogoutRequest request;
  std::string authfile;
  std::vector<std::string> notes;
  bool help = false;
};
Result<ContainersLogout> parse_containers_logout(std::string_view program, std::span<const std::string> args);

// Why --tls-verify, --cert-dir and their like do nothing.
inline constexpr std::string_view kHostDecides =
    "how a registry's certificate is checked is for the host's configuration to say";

}  // namespace scangate::command
