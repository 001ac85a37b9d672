#pragma once
// What a stage has come to so far: the image it would be if it ended here.
#include <optional>
#include <string>
#include <vector>

#include "pipeline/build/cache_record.h"
#include "pipeline/build/destination.h"
#include "pipeline/image/model.h"
#include "scan/model/image.h"

namespace scangate::build {

struct StageLayer {
  StackedLayer layer;
  LayerFacts facts;
};

// An ARG with a value.
struct Argument {
  std::string name;
  std::string value;
  bool hidden = false;  // by an ENV of the same name that came later
};

struct StageState {
  Platform platform;   // that the stage was begun for: the target's, or that of FROM --platform
  ImageConfig config;  // its diff_ids stay empty until the image is written
  std::vector<StageLayer> layers;
  // How many layers from below are best looked at as a mount: those of the base image and up to the last RUN.
  std::size_t mounted = 0;
  ConfigPlaces places;
  std::string base_name;
  std::vector<CacheRecord> records;  // of the steps it came from, for --cache-to
  std::vector<Argument> arguments;   // in scope at its end: stages built FROM this one inherit them
  // Time of the newest layer: metadata steps share it, so that a fully cached build gives the same image again.
  std::optional<TimePoint> layer_time;

  std::vector<StackedLayer> stack() const;
  std::vector<DiffId> diff_ids() const;
  std::string chain_text() const;  // identity of the file system, for keys
};

// "NAME=value" lists as configs hold them.
std::optional<std::string> environment_value(const std::vector<std::string>& environment, std::string_view name);
void set_environment(std::vector<std::string>& environment, const std::string& name, const std::string& value);

}  // namespace scangate::build
