#pragma once
// `docker run` as a typed request: a command that runs in an image and ends. What goes on after it (-d), or is reached
// from outside (-p), is a service, which GitLab has another word for.
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

struct RunRequest {
  std::string image;
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
  std::string pull;  // "always", "missing", "never"; empty when not said
  bool interactive = false;
  bool read_only = false;
  bool no_new_privileges = false;
  // Flags that no container here can honour ("--detach"), each with why: refused unless the image is a scanner, which
  // is not run at all.
  std::vector<std::pair<std::string, std::string>> refused;
};

// `args`: what follows `docker run`. Errors in docker's manner, Fault::user.
Result<RunRequest> parse_run(std::string_view command, std::span<const std::string> args, bool& help);

}  // namespace scangate::command
