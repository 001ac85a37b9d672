#pragma once
// `--annotation [TYPE[PLATFORM],…:]KEY=VALUE`. Pure. Source:
// https://docs.docker.com/reference/cli/docker/buildx/build/#annotation; OCI image-spec v1.1, annotations.md.
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "pipeline/command/flags.h"

namespace scangate::command {

struct AnnotationFlag {
  enum class Of : std::uint8_t {
    manifest,             // of an image
    index,                // of several platforms
    manifest_descriptor,  // the index's entry of an image
  };
  Of of = Of::manifest;
  std::string platform;  // only of this one's image; empty: of every one
  std::string key;
  std::string value;
  bool operator==(const AnnotationFlag&) const = default;
};

// One for each type that it names. Errors: Fault::user.
Result<std::vector<AnnotationFlag>> parse_annotation_flag(const std::string& value);

// Adds --annotation to a table; `into` outlives the parse.
Flag annotation(std::vector<AnnotationFlag>& into);

}  // namespace scangate::command
