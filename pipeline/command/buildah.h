#pragma once
// Command lines of buildah as typed requests. Pure; what is not served is refused by name.
// Source: buildah(1) and its commands' pages, as of version 1.28 (Debian 12) and 1.37.
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/command/docker.h"
#include "pipeline/command/image_location.h"
#include "pipeline/command/registry_login.h"

namespace scangate::command {

// `buildah bud|build|build-using-dockerfile`: as docker's, with the credentials for base images.
struct BuildahBuild {
  BuildRequest build;  // `dockerfile` empty: Containerfile, else Dockerfile, in the context
  RegistryLogin login;
};

// `buildah push IMAGE [DESTINATION]`.
struct BuildahPush {
  std::string image;                    // of the store
  std::optional<ImageLocation> target;  // absent: the image's own name
  RegistryLogin login;
  std::string digestfile;
  bool quiet = false;
};

struct BuildahPull {
  PullRequest pull;
  RegistryLogin login;
};

// `buildah from IMAGE`: begins a working container.
struct BuildahFrom {
  std::string image;  // "scratch" too
  std::string name;   // empty: made from the image's name
  std::string platform;
  RegistryLogin login;
  bool pull_always = false;
  bool quiet = false;
};

// `buildah copy|add CONTAINER SOURCE… [TARGET]`.
struct BuildahCopy {
  std::string container;
  std::vector<std::string> sources;  // of the job; with `from`: of that image
  std::string target;                // empty: the container's working directory
  std::string chown;
  std::string chmod;
  std::string context_folder;  // sources are relative to it
  std::string from;
  bool add = false;
  bool quiet = false;
};

struct BuildahRun {
  std::string container;
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=value
  std::string user;
  std::string directory;
  std::string network;
};

// `buildah config CONTAINER`: each flag as the Dockerfile instruction that says the same.
struct BuildahConfig {
  struct Setting {
    std::string instruction;  // "ENV", "LABEL", "ENTRYPOINT", …
    std::string value;        // as the flag gave it
    bool operator==(const Setting&) const = default;
  };
  std::string container;
  std::vector<Setting> settings;  // in order
};

struct BuildahCommit {
  std::string container;
  std::string image;                    // empty: only an id
  std::optional<ImageLocation> target;  // instead of `image`, when a transport was given
  RegistryLogin login;
  std::string iidfile;
  bool remove = false;  // --rm: the container afterwards
  bool quiet = false;
};

struct BuildahRemove {
  std::vector<std::string> containers;
  bool all = false;
};

struct BuildahContainers {
  bool quiet = false;
};

struct BuildahTag {
  std::string source;
  std::vector<std::string> targets;
};

using BuildahRequest =
    std::variant<BuildahBuild, BuildahPush, BuildahPull, BuildahFrom, BuildahCopy, BuildahRun, BuildahConfig,
                 BuildahCommit, BuildahRemove, BuildahContainers, BuildahTag, ImagesRequest, InspectRequest, RmiRequest,
                 LoginRequest, LogoutRequest, ManifestRequest, HelpRequest>;

struct BuildahCommand {
  BuildahRequest request;
  std::string authfile;            // of login and logout
  std::vector<std::string> notes;  // flags that do nothing here
};

// `args`: what comes after the program's name. Errors: Fault::user.
Result<BuildahCommand> parse_buildah(std::span<const std::string> args);

}  // namespace scangate::command
