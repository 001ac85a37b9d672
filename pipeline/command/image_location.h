#pragma once
// Where an image is, as skopeo, buildah and podman write it: "docker://registry/name:tag", "oci:folder:tag".
// Source: containers-transports(5).
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate::command {

struct ImageLocation {
  enum class Kind {
    registry,        // docker://
    store,           // containers-storage: and docker-daemon:, which are one here
    docker_archive,  // docker-archive:FILE[:NAME]
    oci,             // oci:FOLDER[:NAME]
    oci_archive,     // oci-archive:FILE[:NAME]
  };
  Kind kind = Kind::registry;
  std::string name;  // of the image: registry and store; in an archive optional
  std::string path;  // of the archive or folder
  std::string text;  // as written
  bool operator==(const ImageLocation&) const = default;
};

// `command` begins the message. Errors: Fault::user for a transport that is not served or missing, and for an empty
// name or path.
Result<ImageLocation> parse_location(std::string_view command, std::string_view text);

// True when `text` begins with a transport that we know of, served or not: tells "docker://x" from a plain name.
bool has_transport(std::string_view text);

}  // namespace scangate::command
