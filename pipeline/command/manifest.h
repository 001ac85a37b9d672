#pragma once
// Lists of images of several platforms made by hand: `docker manifest`, `buildah manifest` and `podman manifest`, and
// `docker buildx imagetools`. Pure; what is not served is refused by name.
// Source: docker-manifest(1), buildah-manifest(1), https://docs.docker.com/reference/cli/docker/buildx/imagetools/.
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace scangate::command {

struct ManifestRequest {
  enum class Verb { create, add, annotate, inspect, push, remove_images, remove_list, exists };
  enum class Program { docker, buildah };  // podman speaks as buildah does
  Verb verb = Verb::inspect;
  Program program = Program::docker;
  std::string list;                                   // the list's name
  std::vector<std::string> images;                    // of create, add, annotate, remove_images; lists of remove_list
  std::string os, architecture, variant, os_version;  // of add and annotate; empty: as they are
  std::vector<std::pair<std::string, std::string>> annotations;  // of the entries
  std::string target;                                            // of push; empty: the list's name
  std::string digestfile;
  std::string user, password, authfile;  // --creds, --authfile; secrets: never print them
  bool amend = false;                    // create: add to a list that is there
  bool all = false;                      // add: every platform of an index
  bool remove = false;                   // push: take the list away afterwards
  bool quiet = false;
  bool verbose = false;  // inspect
};

struct ImagetoolsRequest {
  bool inspect = false;  // else create
  std::vector<std::string> tags;
  std::vector<std::string> sources;      // inspect: one
  std::vector<std::string> annotations;  // "index:key=value", as written
  std::string format;
  bool append = false;
  bool dry_run = false;
  bool raw = false;
  bool prefer_index = true;  // of one source that is no index: make one with it
};

struct ManifestCommand {
  ManifestRequest request;
  std::vector<std::string> notes;
  std::string help;  // when asked for: then the request means nothing
};

// `args`: what follows "manifest". `group` begins messages: "docker manifest". Errors: Fault::user.
Result<ManifestCommand> parse_manifest_words(std::string_view group, ManifestRequest::Program program,
                                             std::span<const std::string> args);

struct ImagetoolsCommand {
  ImagetoolsRequest request;
  std::vector<std::string> notes;
  std::string help;
};
Result<ImagetoolsCommand> parse_imagetools(std::span<const std::string> args);

}  // namespace scangate::command
