#pragma once
// `docker compose` as a typed request: build, push and config of plain files.
#include <span>
#include <string>
#include <vector>

#include "pipeline/command/docker.h"

namespace scangate::command {

struct ComposeRequest {
  std::string verb;                // "build", "push", "config"
  std::vector<std::string> files;  // -f, in order; empty: compose.yaml and its other names
  std::string project_folder;      // --project-directory; empty: that of the first file
  std::string project_name;        // -p
  std::vector<std::string> environment_files;
  std::vector<std::string> profiles;
  std::vector<std::string> services;  // empty: all
  // build
  std::vector<BuildArg> build_args;
  bool no_cache = false;
  bool pull = false;
  bool push = false;
  bool quiet = false;
  // push
  bool ignore_failures = false;
  // config
  bool list_services = false;
  bool list_images = false;
  bool json = false;
};

// `args`: what follows `docker compose`. `notes`: flags that do nothing here. Source:
// https://docs.docker.com/reference/cli/docker/compose/ as of version 2.
Result<ComposeRequest> parse_compose(std::span<const std::string> args, std::vector<std::string>& notes, bool& help);

}  // namespace scangate::command
