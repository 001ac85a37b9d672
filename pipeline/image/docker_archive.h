#pragma once
// Archives of `docker save`: a tar with manifest.json, a config and layers as tars. Docker image spec v1.2, "Combined
// Image JSON + Filesystem Changeset Format". Private to this folder.
#include <filesystem>
#include <string>

#include "pipeline/image/transfer.h"

namespace scangate {

// `wanted` empty: the only image; else one of its names.
Result<Imported> import_docker_archive(Store& store, const std::filesystem::path& file, const std::string& wanted,
                                       const Cancel& cancel, Progress& progress);
Result<void> export_docker_archive(const Store& store, const Digest& manifest_digest, const std::string& name,
                                   const std::filesystem::path& file, const Cancel& cancel, Progress& progress);

}  // namespace scangate
