#pragma once
// `include:` — reads a configuration with all the files it is made of and merges them into one tree.
#include <string>
#include <vector>

#include "pipeline/ci/config_files.h"
#include "pipeline/ci/pipeline.h"
#include "pipeline/ci/value.h"
#include "pipeline/ci/variables.h"

namespace scangate::ci {

struct LoadedConfig {
  Value root;                      // a map, without `include`
  std::vector<std::string> files;  // in the order read
};

// Included files are merged in order, the including file on top. `local:` with globs, `rules:` of an include with `if`,
// `exists` and `changes`, and `inputs:` with their defaults are served. Errors as read_pipeline.
Result<LoadedConfig> load_config(ConfigFiles& files, const std::string& path, const PipelineContext& context,
                                 Budget& budget, std::vector<Warning>& warnings);

}  // namespace scangate::ci
