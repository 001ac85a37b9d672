#pragma once
// Command lines of the docker program as typed requests. Pure: nothing is looked up, read or run. What is served is
// what the gate can do itself; everything else is refused by name, never ignored.
//
//   const auto command = parse_docker(args);           // {"build", "-t", "app:1", "."}
//   if (const auto* build = std::get_if<BuildRequest>(&command->request)) …
//
// Source: the command-line reference at https://docs.docker.com/reference/cli/docker/ (as of version 27), and what
// docker 20.10 itself accepts.
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "pipeline/command/annotation_flag.h"
#include "pipeline/command/context_flag.h"
#include "pipeline/command/docker_containers.h"
#include "pipeline/command/attest_flags.h"
#include "pipeline/command/docker_run.h"
#include "pipeline/command/manifest.h"
#include "pipeline/command/step_flags.h"

namespace scangate::command {

// Arguments of one command line; the kernel's own limit is far above what a person writes.
inline constexpr std::size_t kMaxArguments = 10'000;

// NAME=VALUE; without a value it comes from the environment of the caller, and is left out when it is not set there.
struct BuildArg {
  std::string name;
  std::optional<std::string> value;
  bool operator==(const BuildArg&) const = default;
};

// `docker build`, `docker image build`, `docker builder build`, `docker buildx build`.
struct BuildRequest {
  std::string context;  // a folder, "-" for a tar on stdin, or a URL: relative to the caller's folder
  std::vector<ContextFlag> named_contexts;
  std::string dockerfile;  // -f; empty: "Dockerfile" in the context; "-" for stdin
  std::vector<std::string> tags;
  std::string target;
  std::vector<BuildArg> build_args;                         // in order; a later one of the same name wins
  std::vector<std::pair<std::string, std::string>> labels;  // in order
  std::vector<AnnotationFlag> annotations;
  std::vector<std::string> platforms;                       // "linux/amd64", split at commas
  std::vector<std::string> cache_from;                      // as written
  std::vector<std::string> cache_to;                        // as written
  std::vector<std::string> no_cache_filter;                 // stages
  std::optional<std::chrono::seconds> cache_max_age;        // buildah's and kaniko's --cache-ttl
  StepFlags steps;                                          // secrets, agents, hosts and limits of RUN
  std::vector<std::string> outputs;                         // -o, as written: "type=docker,dest=x.tar"
  std::string network;                                      // "default", "host", "none"; empty when not said
  std::string progress;       // "auto", "plain", "tty", "quiet", "rawjson"; empty when not said
  std::string iidfile;        // gets the image's ID
  std::string metadata_file;  // gets JSON
  AttestFlags attestations;   // --sbom, --provenance, --attest
  std::string builder;        // the name of a buildx builder; there is only one here
  bool no_cache = false;
  bool pull = false;
  bool quiet = false;
  bool push = false;  // buildx: push all tags when built
  bool load = false;  // buildx: into the local store, where everything goes anyway
  bool buildx = false;
  bool check = false;  // --check, --call=check: the build checks alone
};

struct PushRequest {
  std::string reference;
  bool all_tags = false;
  bool quiet = false;
};

struct PullRequest {
  std::string reference;
  std::string platform;
  bool all_tags = false;
  bool quiet = false;
};

struct TagRequest {
  std::string source;
  std::string target;
};

struct LoginRequest {
  std::string server;  // empty: Docker Hub
  std::string user;
  std::optional<std::string> password;  // -p; a secret: never print it
  bool password_stdin = false;
};

struct LogoutRequest {
  std::string server;
};

// `docker images`, `docker image ls`.
struct ImagesRequest {
  std::string repository;                                    // only of this one, "app" or "app:1"
  std::vector<std::pair<std::string, std::string>> filters;  // ("reference", "app:*"), ("dangling", "true")
  std::string format;
  bool all = false;
  bool quiet = false;
  bool no_trunc = false;
  bool digests = false;
};

// `docker inspect`, `docker image inspect`, `docker container inspect`.
struct InspectRequest {
  std::vector<std::string> images;  // or containers
  std::string format;
  std::string type;  // "image", "container"; empty: whichever has the name, containers first
};

// `docker history`.
struct HistoryRequest {
  std::string image;
  std::string format;
  bool quiet = false;
  bool no_trunc = false;
};

struct RmiRequest {
  std::vector<std::string> images;
  bool force = false;
  bool no_prune = false;
};

struct SaveRequest {
  std::vector<std::string> images;
  std::string output;  // empty: stdout
};

struct LoadRequest {
  std::string input;  // empty: stdin
  bool quiet = false;
};

struct VersionRequest {
  std::string format;
  bool short_form = false;  // `docker --version`: one line
  bool buildx = false;      // `docker buildx version`
};

struct InfoRequest {
  std::string format;
};

// `docker buildx create|use|inspect|ls|rm|stop`: setting up a builder, which has nothing to do here but succeed.
struct BuilderRequest {
  std::string verb;
  std::string name;
};

// `docker`, `docker help`, `--help` anywhere.
struct HelpRequest {
  std::string text;
};

// `docker compose …`: parse_compose() reads it.
struct ComposeArguments {
  std::vector<std::string> arguments;
};

using DockerRequest = std::variant<BuildRequest, PushRequest, PullRequest, TagRequest, LoginRequest, LogoutRequest,
                                   ImagesRequest, InspectRequest, RmiRequest, SaveRequest, LoadRequest, VersionRequest,
                                   InfoRequest, BuilderRequest, HelpRequest, HistoryRequest, RunRequest,
                                   ComposeArguments, ContainerRequest, ManifestRequest, ImagetoolsRequest>;

struct DockerCommand {
  DockerRequest request;
  // `--config`: the folder of config.json; empty: DOCKER_CONFIG or ~/.docker of the caller.
  std::string config_folder;
  // Flags that are accepted and do nothing here, each with a sentence why: for stderr.
  std::vector<std::string> notes;
};

// `args`: what comes after the program's name. Errors, Fault::user, in docker's manner: "docker: 'run' is not served by
// scangate (…)", "docker build: unknown flag: --foo", "docker tag: requires exactly 2 arguments". Values of flags that
// hold secrets are never in an Error.
Result<DockerCommand> parse_docker(std::span<const std::string> args);

// "build", "push", …: which alternative it is.
std::string_view name_of(const DockerRequest& request);

}  // namespace scangate::command
