#pragma once
// Command lines of docker that are about containers, networks and volumes as typed requests: what follows `docker run`.
// Pure. Source: https://docs.docker.com/reference/cli/docker/container/.
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"

namespace scangate::command {

// `docker ps`.
struct ListContainers {
  std::vector<std::pair<std::string, std::string>> filters;  // name, id, status, label, ancestor, health
  std::string format;
  std::size_t last = 0;  // -n, -l: only so many, ended ones included; 0: not said
  bool all = false;
  bool quiet = false;
  bool no_trunc = false;
};

struct ContainerLogs {
  std::string container;
  std::optional<std::uint64_t> tail;  // lines; absent: all
  bool follow = false;
  bool timestamps = false;
};

struct ExecInContainer {
  std::string container;
  std::vector<std::string> command;
  std::vector<std::string> environment;  // "NAME=value", or "NAME" for the caller's own
  std::vector<std::string> environment_files;
  std::string directory;
  std::string user;
  bool interactive = false;
  bool detach = false;
};

// `docker stop`, `docker restart`.
struct StopContainers {
  std::vector<std::string> containers;
  std::optional<int> signal;
  std::chrono::seconds patience{10};  // docker's own, until what did not end is killed
  bool restart = false;
};

struct KillContainers {
  std::vector<std::string> containers;
  int signal = 9;
};

struct RemoveContainers {
  std::vector<std::string> containers;
  bool force = false;
};

struct WaitForContainers {
  std::vector<std::string> containers;
};

struct StartContainers {
  std::vector<std::string> containers;
  bool attach = false;
  bool interactive = false;
};

struct ContainerPorts {
  std::string container;
  std::string port;  // "80" or "80/tcp"; empty for all
};

// `docker cp`.
struct CopyInContainer {
  std::string from;  // "CONTAINER:PATH" or a path of the caller
  std::string to;
  bool quiet = false;
  bool archive = false;  // -a: owners too
};

struct RenameContainer {
  std::string container;
  std::string name;
};

// `docker network …`, `docker volume …`.
struct NamedObjects {
  enum class Kind : std::uint8_t { network, volume } kind = Kind::network;
  enum class Verb : std::uint8_t { create, remove, list, inspect, prune, connect } verb = Verb::list;
  std::vector<std::string> names;
  std::string format;
  bool quiet = false;
  bool force = false;
};

// `docker container prune`, `docker system prune`, `docker image prune`. What lasts no longer than the job is not worth
// removing before its end: ended containers go, and nothing else.
struct Prune {
  bool containers = false;
};

using ContainerRequest = std::variant<ListContainers, ContainerLogs, ExecInContainer, StopContainers, KillContainers,
                                      RemoveContainers, WaitForContainers, StartContainers, ContainerPorts,
                                      CopyInContainer, RenameContainer, NamedObjects, Prune>;

// `verb` as behind `docker` ("ps", "logs", "network"); `args` is what follows it. nullopt when no verb of that name is
// known here. Errors in docker's manner, Fault::user. `notes`: flags that do nothing, each with why.
Result<std::optional<ContainerRequest>> parse_containers(const std::string& command, const std::string& verb,
                                                         std::span<const std::string> args,
                                                         std::vector<std::string>& notes, bool& help);

// "SIGTERM", "term", "15".
std::optional<int> signal_number(std::string_view text);
// What a container, a network or a volume can be called: moby, daemon/names/names.go.
bool is_object_name(std::string_view name);

}  // namespace scangate::command
