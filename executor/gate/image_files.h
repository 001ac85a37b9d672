#pragma once
// Images between the store and files or streams of the job: `docker save`, `docker load`, `--output`.
#include <string>
#include <vector>

#include "executor/gate/image_commands.h"

namespace scangate {

enum class ArchiveForm { docker, oci };

// One archive of all `images` (names or ids); OCI archives hold one. `path` is a file of the job; "-" or empty is
// standard output.
Result<void> save_archive(ImageCommands& images, GateCall& call, const std::vector<std::string>& names,
                          ArchiveForm form, const std::string& path);

// The files of the image as one tar, its statements beside them: `docker build -o type=tar`. `path` as above.
Result<void> save_files(ImageCommands& images, GateCall& call, const Digest& manifest_digest, const std::string& path);

// All images of a `docker save` archive, tagged with the names it gives them. `path` as above, for standard input.
// Gives a line for each name, or for the id of an image without one: "Loaded image: app:1".
Result<std::vector<std::string>> load_archive(ImageCommands& images, GateCall& call, const std::string& path);

}  // namespace scangate
