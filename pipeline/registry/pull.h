#pragma once
// One pull of an image into the store.
#include "pipeline/registry/client.h"

namespace scangate {

// Which repository of a registry is known to hold a blob: what a push can mount from. Thread-safe.
class BlobSources {
 public:
  void put(const std::string& registry, const Digest& digest, const std::string& repository);
  std::optional<std::string> find(const std::string& registry, const Digest& digest) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, Digest>, std::string> repositories_;
};

// The key under which the store remembers the same across processes.
inline constexpr std::string_view kBlobSourceTable = "blobsource";
std::string blob_source_key(const std::string& registry, const Digest& digest);

Result<PulledImage> pull_image(const RegistryClient& client, const Reference& name, const Platform& platform,
                               PullPolicy policy, Store& store, BlobSources& sources, const Cancel& cancel,
                               Progress& progress);

// With every platform of an index; the digest is then the index's.
Result<PulledImage> pull_all_platforms(const RegistryClient& client, const Reference& name, Store& store,
                                       BlobSources& sources, const Cancel& cancel, Progress& progress);

// Whatever it is: no diffID is looked at.
Result<void> pull_one_blob(const RegistryClient& client, const Reference& repository, const Descriptor& blob,
                           Store& store, BlobSources& sources, const Cancel& cancel, Progress& progress);

// The digest behind a name; nullopt when no endpoint has it.
Result<std::optional<Digest>> resolve_name(const RegistryClient& client, const Reference& name, const Cancel& cancel);

// The manifest or index behind a name as it is; nullopt when no endpoint has it.
Result<std::optional<RemoteDocument>> fetch_document(const RegistryClient& client, const Reference& name,
                                                     const Cancel& cancel);

}  // namespace scangate
