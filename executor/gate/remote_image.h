#pragma once
// An image's documents as they stand in a registry or the store, without its layers: for commands that only look.
#include <optional>
#include <string>

#include "executor/gate/image_commands.h"

namespace scangate {

struct ImageDocuments {
  std::string name;        // "registry/repository"
  std::string named_text;  // what the name leads to: a manifest or an index
  Digest named_digest;
  std::string manifest_text;  // of the platform
  Manifest manifest;
  std::string config_text;
  ImageConfig config;
};

// `platform` chooses from an index. Errors: Fault::user when there is no such image, or none for the platform.
Result<ImageDocuments> remote_documents(ImageCommands& images, GateCall& call, const Reference& name,
                                        const Platform& platform);
// The same of the store. `name` is how the image is called, and may be empty.
Result<ImageDocuments> stored_documents(const Store& store, const Digest& manifest_digest, const std::string& name);

// What `skopeo inspect` prints; `tags` is left out when absent.
std::string inspect_json(const ImageDocuments& image, const std::optional<std::vector<std::string>>& tags);

}  // namespace scangate
