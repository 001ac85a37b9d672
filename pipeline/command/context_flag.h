#pragma once
// `--build-context NAME=WHAT` of docker, buildah and our own command line. Pure.
// Source: https://docs.docker.com/reference/cli/docker/buildx/build/#build-context; buildah-build(1).
#include <cstdint>
#include <string>

#include "base/error.h"
#include "pipeline/command/flags.h"

namespace scangate::command {

struct ContextFlag {
  enum class Kind : std::uint8_t {
    folder,  // a path
    remote,  // an http(s) URL, or the address of a git repository
    image,   // docker-image://REF, and buildah's container-image://REF and docker://REF
    layout,  // oci-layout://FOLDER[:TAG|@DIGEST]
  };
  std::string name;  // as written
  Kind kind = Kind::folder;
  std::string value;   // the path, URL or reference, without what told its kind
  std::string tag;     // of a layout; empty: not said
  std::string digest;  // of a layout; empty: not said
  bool operator==(const ContextFlag&) const = default;
};

// Errors: Fault::user for an empty name or value, and for what only buildx bake knows (target:).
Result<ContextFlag> parse_context_flag(const std::string& value);

// Adds --build-context to a table; `into` outlives the parse.
Flag build_context(std::vector<ContextFlag>& into);

}  // namespace scangate::command
