#pragma once
// `docker run` and `docker create` as a typed request.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace scangate::command {

struct RunVolume {
  std::string source;  // as written: a path of the caller, or a volume's name; empty for an anonymous volume
  std::string target;
  bool read_only = false;
};

// -p [ADDRESS:][HOST:]CONTAINER[/PROTOCOL]. All addresses are the job's own, so none is kept.
struct PublishedPort {
  std::uint16_t host = 0;  // 0: any
  std::uint16_t container = 0;
  bool udp = false;
  bool operator==(const PublishedPort&) const = default;
};
// More than a program listens on; a range of all ports would be as many sockets of ours.
inline constexpr std::size_t kMaxPublishedPorts = 100;

struct RunRequest {
  std::string image;
  std::string name;                      // empty: one is made up
  std::vector<std::string> command;      // after the image
  std::vector<std::string> environment;  // "NAME=value", or "NAME" for the caller's own
  std::vector<std::string> environment_files;
  std::vector<RunVolume> volumes;
  std::optional<std::string> entrypoint;  // "" takes the image's away
  std::string directory;
  std::string user;
  std::string network;  // empty when not said
  std::string hostname;
  std::string platform;
  std::string pull;     // "always", "missing", "never"; empty when not said
  std::string id_file;  // --cidfile
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<PublishedPort> ports;
  std::vector<std::pair<std::string, std::string>> add_hosts;  // name, address; "host-gateway" as written
  std::vector<std::string> names;                              // further ones of the container: --network-alias
  std::vector<std::string> links;                              // "CONTAINER[:NAME]"
  std::vector<std::string> temporary;                          // folders in memory: --tmpfs, and /dev/shm with a size
  std::string health_command;                                  // --health-cmd, a shell's
  bool no_health_check = false;
  bool publish_all = false;
  bool detach = false;
  bool create = false;  // `docker create`
  bool remove = false;  // --rm
  bool interactive = false;
  bool read_only = false;
  bool no_new_privileges = false;
  std::vector<std::string> notes;  // flags that do nothing here, each with why
  // Flags that no container here can honour ("--privileged"), each with why: refused unless the image is a scanner,
  // which is not run at all.
  std::vector<std::pair<std::string, std::string>> refused;
};

// `args`: what follows `docker run`. Errors in docker's manner, Fault::user.
Result<RunRequest> parse_run(std::string_view command, std::span<const std::string> args, bool& help);

}  // namespace scangate::command
