#pragma once
// The files of a store: where they are, what a crash leaves of them, and what can go. Private to this folder.
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "pipeline/image/store.h"

namespace scangate {

inline constexpr std::string_view kSessionPrefix = "session-";

std::filesystem::path blob_path(const std::filesystem::path& root, const Digest& digest);
std::filesystem::path snapshot_path(const std::filesystem::path& root, const Digest& chain);
// The work folder that belongs to a session's lock file.
std::filesystem::path session_folder(const std::filesystem::path& lock_file);

Error damaged_blob(const Digest& digest);

// Sets the time of last use, which is the mtime; false when the file is not there.
bool touch_file(const std::filesystem::path& path);

// Disk use of a tree, for reports; what cannot be read counts as nothing.
std::uint64_t tree_bytes(const std::filesystem::path& path);

Result<void> create_store_folders(const std::filesystem::path& root);
// Removes the work folders of sessions whose process is gone, and after a reboot the snapshots: they are not synced
// when they are made, since they can be made again from blobs.
Result<void> repair_store(const std::filesystem::path& root);

Result<std::vector<Digest>> stored_blobs(const std::filesystem::path& root);

struct StoreReferences {
  std::set<Digest> blobs;
  std::set<std::string> chains;  // hex
};
struct PrunedFiles {
  PruneReport report;
  std::vector<Digest> blobs;
  std::vector<std::filesystem::path> trash;  // snapshots moved away, for the caller to remove and count
};
// Removes what `needed` does not name, was not used for `grace`, and is older than the oldest lease; then, least
// recently used first and still older than the oldest lease, until at most `target_bytes` are left (0: no target).
// `work`: where snapshots are moved, so that nobody sees half of one; removing them takes long and needs no lock.
Result<PrunedFiles> prune_files(const std::filesystem::path& root, const std::filesystem::path& work,
                                const StoreReferences& needed, std::chrono::seconds grace, std::uint64_t target_bytes);

}  // namespace scangate
