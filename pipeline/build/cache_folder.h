#pragma once
// A build cache in a folder: an OCI image layout (image-spec v1.1, image-layout.md) that is read and written through a
// descriptor of its root alone, since the folder may be a job's: no link in it leads out.
#include <filesystem>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/progress.h"
#include "pipeline/image/store.h"

namespace scangate::build {

class CacheFolder {
 public:
  // Errors: Fault::host when there is no such folder.
  static Result<CacheFolder> open(const std::filesystem::path& folder);

  // The manifest named by `digest`, else by `tag`, else "latest", else the only one; nullopt when there is none.
  Result<std::optional<std::string>> manifest(const std::string& tag, const std::optional<Digest>& digest) const;
  // A small blob, verified.
  Result<std::string> text(const Digest& digest, std::size_t cap_bytes) const;
  // Into the store, verified.
  Result<void> take(const Descriptor& blob, Store& store, const Cancel& cancel) const;

  // Adds a manifest with its config and layers, in place of the one that had the tag ("latest" when empty). Errors:
  // Fault::user for a folder that holds something else than a layout; Fault::host.
  Result<void> put(const Store& store, const Digest& manifest_digest, const std::string& tag,
                   const Cancel& cancel) const;

 private:
  explicit CacheFolder(UniqueFd root) : root_(std::move(root)) {}
  Result<UniqueFd> open_file(const std::string& name) const;
  Result<std::optional<std::string>> index_text() const;

  UniqueFd root_;
};

}  // namespace scangate::build
