#pragma once
// OCI image layouts as folders and as tar archives. OCI image-spec v1.1, image-layout.md. Private to this folder.
#include <filesystem>
#include <optional>
#include <string>

#include "pipeline/image/transfer.h"

namespace scangate {

// `tag` empty: the only image, or the one of `platform` among several without names. No `platform`: every one, an
// index.
Result<Imported> import_oci_folder(Store& store, const std::filesystem::path& folder, const std::string& tag,
                                   const std::optional<Platform>& platform, const Cancel& cancel, Progress& progress);
Result<Imported> import_oci_archive(Store& store, const std::filesystem::path& file, const std::string& tag,
                                    const std::optional<Platform>& platform, const Cancel& cancel, Progress& progress);

// `tag` empty: the tag of `name`.
Result<void> export_oci_folder(const Store& store, const Digest& manifest_digest, const std::string& name,
                               const std::string& tag, const std::filesystem::path& folder, const Cancel& cancel,
                               Progress& progress);
Result<void> export_oci_archive(const Store& store, const Digest& manifest_digest, const std::string& name,
                                const std::string& tag, const std::filesystem::path& file, const Cancel& cancel,
                                Progress& progress);

}  // namespace scangate
