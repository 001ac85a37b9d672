#pragma once
// Manifests, indexes and configs as values. OCI image-spec v1.1 manifest.md, image-index.md, config.md; Docker image
// manifest v2 schema 2.
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"

namespace scangate {

namespace media_type {
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kOciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr std::string_view kDockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
}  // namespace media_type

// Caps on hostile documents. The registries we know refuse manifests above 4 MiB; an image with more than 127 layers
// cannot be mounted.
inline constexpr std::size_t kMaxManifestBytes = 4U << 20U;
inline constexpr std::size_t kMaxConfigBytes = 8U << 20U;
inline constexpr std::size_t kMaxLayers = 500;
inline constexpr std::size_t kMaxIndexEntries = 1000;

struct Platform {
  std::string os = "linux";
  std::string architecture;  // GOARCH names: amd64, arm64
  std::string variant;
  static Platform host();
  static Result<Platform> parse(std::string_view text);  // "linux/arm64/v8"
  std::string str() const;
  auto operator<=>(const Platform&) const = default;
};
// Whether an image for `offered` runs where `wanted` is asked for: same system and architecture; variants count only
// where both name one, and arm64's v8 is its only one.
bool platform_matches(const Platform& wanted, const Platform& offered);

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size_bytes = 0;
  std::optional<Platform> platform;  // in an index
  std::map<std::string, std::string> annotations;
  std::vector<std::string> urls;  // foreign layers
  std::string os_version;         // of the platform; Windows images are told apart by it
  std::string artifact_type;      // in an index: what a manifest that is no image is for
};

struct Manifest {
  std::string media_type;
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
  std::map<std::string, std::string> annotations;
};

struct ImageIndex {
  std::string media_type;
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;
};

struct Healthcheck {              // Docker image spec v1.2, "Healthcheck"; durations in nanoseconds there
  std::vector<std::string> test;  // {"NONE"}, {"CMD", …}, {"CMD-SHELL", …}
  std::chrono::nanoseconds interval{0}, timeout{0}, start_period{0}, start_interval{0};
  int retries = 0;
};

struct History {
  std::optional<TimePoint> created;
  std::string created_by;
  std::string comment;
  std::string author;
  bool empty_layer = false;
};

struct ImageConfig {
  Platform platform;
  std::optional<TimePoint> created;
  std::string author;
  std::string user;
  std::vector<std::string> exposed_ports;  // "80/tcp", sorted
  std::vector<std::string> environment;    // "NAME=value" in order
  std::optional<std::vector<std::string>> entrypoint;
  std::optional<std::vector<std::string>> command;
  std::vector<std::string> volumes;  // sorted
  std::string working_directory;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<Healthcheck> healthcheck;         // docker format only
  std::optional<std::vector<std::string>> shell;  // docker format only
  std::vector<std::string> on_build;              // docker format only
  std::vector<DiffId> diff_ids;                   // lowest first
  std::vector<History> history;
};

// Errors: Fault::user with the member that is wrong; counts and sizes are checked against the caps above. Unknown
// members are ignored.
Result<Manifest> parse_manifest(std::string_view json, std::string_view place);
Result<ImageIndex> parse_index(std::string_view json, std::string_view place);
Result<ImageConfig> parse_config(std::string_view json, std::string_view place);
// What a document says it is: its mediaType member, or what its members tell when that is absent (OCI allows it).
std::string document_media_type(std::string_view json);

// Canonical bytes: the same value gives the same text, members in the order the spec lists them.
std::string to_json(const Manifest& manifest);
std::string to_json(const ImageIndex& index);
std::string to_json(const ImageConfig& config);

// ChainID of the lowest `count` layers.
ChainId chain_id(const std::vector<DiffId>& diff_ids, std::size_t count);

}  // namespace scangate
