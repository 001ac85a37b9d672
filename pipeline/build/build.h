#pragma once
// From a Dockerfile and a context to an image in the store. https://docs.docker.com/reference/dockerfile/
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/http/http.h"
#include "base/process.h"
#include "base/progress.h"
#include "pipeline/build/cache_record.h"
#include "pipeline/build/material.h"
#include "pipeline/git_source/git_source.h"
#include "pipeline/image/snapshot.h"
#include "pipeline/image/store.h"
#include "pipeline/registry/registry.h"
#include "pipeline/sandbox/sandbox.h"
#include "scan/model/image.h"

namespace scangate {

// For `RUN --mount=type=secret`. The value gets into the step's memory alone: no layer, history, key, log or disk.
struct BuildSecret {
  std::string id;
  std::string value;
};
// As BuildKit's; a secret is read whole.
inline constexpr std::size_t kMaxSecretBytes = 500U << 10U;

// For `RUN --mount=type=ssh`.
struct BuildSshAgent {
  std::string id;                // "default"
  std::filesystem::path socket;  // that the agent listens at
};

// What RUN steps are held to, and what they find.
struct StepOptions {
  std::vector<std::pair<std::string, std::string>> add_hosts;  // name, address
  std::optional<std::uint64_t> shared_memory_bytes;            // of /dev/shm
  std::vector<SandboxResourceLimit> resource_limits;
  SandboxLimits limits;
};

// `--build-context NAME=…`: what FROM, `--from=` and `from=` mean by NAME, be it new or that of an image or a stage.
struct NamedContext {
  std::string name;                       // as context_name() gives it
  std::filesystem::path folder;           // its files, as BuildRequest::context; empty: it is an image
  std::string image;                      // its name, for messages; pulled by it when there is no digest
  std::optional<Digest> manifest_digest;  // or an index's, in the store
  std::optional<BuildMaterial> material;  // where its files came from, when from elsewhere
};

// One name for all ways to write an image's: "docker.io/library/alpine:latest" is "alpine". Fault::user for what could
// not be one, such as one with upper case.
Result<std::string> context_name(std::string_view written);

// How the finished image is written. Steps and their cache do not depend on it.
struct ImageForm {
  std::optional<Compression> compression;  // of the layers that the build made; absent: as steps leave them, gzip
  std::optional<int> level;                // of it; see base/archive/compress.h
  bool force = false;                      // the base's layers too
  enum class Types : std::uint8_t { fitting, oci, docker } types = Types::fitting;
  std::map<std::string, std::string> annotations = {};  // of the manifest
  bool operator==(const ImageForm&) const = default;
};

// Where a build cache that hosts share lies: in a registry, or as an OCI layout in a folder.
struct CachePlace {
  std::optional<Reference> reference;
  std::filesystem::path folder;  // without a reference
  std::string tag;               // of the layout; empty: "latest"
  std::optional<Digest> digest;  // the same, when reading
  std::string shown;             // as messages call it
};

// Whose steps a cache is made of: the layers of the result alone, or those of all stages that were needed.
enum class CacheMode { min, max };

struct CacheTarget {
  CachePlace place;
  CacheMode mode = CacheMode::min;
  bool ignore_errors = false;  // of sending it
};

struct BuildRequest {
  std::filesystem::path
      context;  // a folder; opened once, everything below is resolved inside it and never follows a symlink out
  std::vector<NamedContext> named_contexts = {};
  std::string dockerfile = "";                 // relative to the context; empty: "Dockerfile"
  std::optional<std::string> dockerfile_text;  // instead of a file (-f -)
  std::optional<BuildMaterial> context_material;  // where the context came from, when from elsewhere
  std::string
      dockerfile_name;  // how messages and reports call it: "examples/flask-app/Dockerfile"; empty: as `dockerfile`
  std::string target;   // stage; empty: the last
  std::map<std::string, std::string> build_args;
  std::map<std::string, std::string> labels;
  Platform platform = Platform::host();
  bool pull = false;  // ask the registry for base images even when the store has them
  bool no_cache = false;
  Network network = Network::host;     // of RUN steps
  std::string cache_namespace;         // one project's steps are never served to another
  std::vector<CachePlace> cache_from;  // asked for what this host does not know; the first that knows a step counts
  // Nothing is sent by the build: it keeps what its caller needs for that, see BuiltImage::cache.
  std::vector<CacheTarget> cache_to;
  bool inline_cache = false;  // the image's config gets the list of steps, so that the image is a build cache itself
  std::optional<std::chrono::seconds> cache_max_age;  // older steps are done again
  std::vector<std::string> no_cache_filter;           // stages whose steps are all done again
  std::vector<BuildSecret> secrets;
  std::vector<BuildSshAgent> ssh_agents;
  StepOptions step_options;
  std::optional<TimePoint> source_date_epoch;
  Compression compression = Compression::gzip;
  ImageForm form = {};
};

// Beyond it the longest unused are removed; a container's layers of package managers and compilers take some GB each.
inline constexpr std::uint64_t kCacheMountsBytes = 20ULL << 30U;
inline constexpr std::chrono::hours kCacheMountsUnused{24 * 30};

// The agent whose keys git repositories are fetched with, as a context and by ADD: that of `--ssh default`, as with
// docker. Empty: none.
std::filesystem::path git_agent(const BuildRequest& request);

// What the builder works with; all outlive the build.
struct BuildHost {
  std::shared_ptr<Store> store;
  Snapshots* snapshots = nullptr;
  Sandbox* sandbox = nullptr;
  const JobNetwork* network = nullptr;  // of RUN steps; absent: the host's
  Registry* registry = nullptr;         // for base images
  // For ADD: URLs, and git repositories with how they are fetched.
  HttpTransport* transport = nullptr;
  ProcessRunner* runner = nullptr;
  GitSourceOptions git = {};
  std::vector<std::string>
      run_environment;  // proxies for RUN, from the host's settings; not part of keys nor of the image
  std::optional<std::chrono::seconds> run_timeout;       // of one RUN step
  std::uint64_t cache_mounts_bytes = kCacheMountsBytes;  // all of the host's, for RUN --mount=type=cache
  std::filesystem::path ca_bundle = "/etc/ssl/certs/ca-certificates.crt";  // mounted into RUN steps when it exists
};

struct BuildWarning {
  SourcePlace place;
  std::string rule;  // BuildKit's names: "StageNameCasing"
  std::string text;
  int column = 0;  // 0 when unknown
  // "Dockerfile:2:6: … (StageNameCasing)"; without what is not known of the place.
  std::string str() const;
};

// One stage's part of a build cache.
struct StageCache {
  std::string stage;  // as messages call it
  bool is_result = false;
  // Its image, for the caller to have it judged before a layer of it leaves; absent where its layers are not here, or
  // are not wanted.
  std::optional<Digest> manifest_digest;
  std::vector<CacheRecord> records;
};

struct BuiltImage {
  Digest manifest_digest;
  Digest config_digest;
  ImageFacts facts;  // layers with place, stage and base border; config places filled; name empty
  std::vector<BuildWarning> warnings;
  std::vector<BuildMaterial> materials;  // images, files and repositories that needed stages name
  std::string dockerfile_text;
  std::size_t steps = 0;
  std::size_t cached_steps = 0;
  std::vector<StageCache> cache;  // only when the request has `cache_to`
  struct FailedStep {
    std::string text;  // "Dockerfile:7:1: RUN make: exit code 2"
    int exit_code = 1;
    int first_line = 0, last_line = 0;  // of the instruction
  };
  std::optional<FailedStep> failed_step;  // then there is no image and the digests mean nothing
};

struct BuildHooks {
  // Called once a stage's base image is in the store, before its first RUN: the gate's chance to stop early. An Error
  // ends the build.
  std::function<Result<void>(const std::string& name, const Digest& manifest_digest)> on_base;
};

// The build checks alone: nothing is built, pulled or run. Errors: Fault::user for a Dockerfile or options that cannot
// be read.
Result<std::vector<BuildWarning>> check_build(const BuildRequest& request, Progress& progress);

// Builds and leaves the image in the store, untagged. Several builds may run at once on one host. Each layer's
// inventory is put into the store's cache table "inventory" under inventory_key(diffID) while it is written. Errors:
// Fault::user with "Dockerfile:line:column: …" for the Dockerfile's and the context's faults; a RUN step that exits
// non-zero is a BuiltImage with failed_step set, not an Error, so that the caller tells "the build failed" from "the
// Dockerfile is wrong".
Result<BuiltImage> build_image(const BuildRequest& request, const BuildHost& host, const BuildHooks& hooks,
                               const Cancel& cancel, Progress& progress);

// Key of a layer's inventory in the store's cache table "inventory": diffID and cataloger version.
std::string inventory_key(const DiffId& diff_id);

}  // namespace scangate
