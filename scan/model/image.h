#pragma once
// What the scan needs to know of an image besides its files. Filled by pipeline/, read by inspect, policy and report.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"

namespace scangate {

// A place in a text of the project, 1-based.
struct SourcePlace {
  std::string file;  // relative to the repository: "docker/Dockerfile"
  int line = 0;
  auto operator<=>(const SourcePlace&) const = default;
};

struct LayerFacts {
  DiffId diff_id;
  std::string created_by;            // of the image's history
  bool is_base = false;              // belongs to the base image, not to this Dockerfile
  std::optional<SourcePlace> place;  // the instruction that wrote it, when we built it
  std::string stage;                 // stage name or number, when we built it
};

// The image config's fields that rules look at. OCI image-spec v1.1, config.md.
struct ConfigFacts {
  std::string user;                        // empty means root
  std::vector<std::string> exposed_ports;  // "22/tcp"
  std::vector<std::string> environment;    // "NAME=value"
  std::map<std::string, std::string> labels;
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::vector<std::string> volumes;
  std::string working_directory;
  bool has_healthcheck = false;
  std::string architecture;
  std::string os;
  std::optional<TimePoint> created;
};

// Where each config field was set, when we built the image: "USER" -> Dockerfile:9, "EXPOSE 22/tcp" -> Dockerfile:7,
// "ENV NAME" -> ...
using ConfigPlaces = std::map<std::string, SourcePlace>;

struct ImageFacts {
  std::string name;        // as the user wrote it, with tag: "registry.example/app:1"
  Digest manifest_digest;  // of the image in the store
  Digest config_digest;    // the image id
  ConfigFacts config;
  ConfigPlaces config_places;
  std::vector<LayerFacts> layers;         // lowest first
  std::string base_name;                  // "debian:bookworm", empty when unknown or scratch
  std::optional<std::string> dockerfile;  // path in the repository, when we built it
};

}  // namespace scangate
