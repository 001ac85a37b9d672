#pragma once
// What a Workspace is made of. Private to this folder.
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "base/file.h"
#include "pipeline/image/mount_points.h"
#include "pipeline/image/snapshot.h"

namespace scangate {

// Makes a folder with a finished root file system the snapshot of `chain`. `folder` is on the store's disk and is
// moved; when another process was first, it is left where it is.
Result<void> place_snapshot(Store& store, const ChainId& chain, SnapshotMode mode, const std::filesystem::path& folder);
// The folder of a snapshot that exists, marked as used now; empty when there is none.
std::filesystem::path find_snapshot(const Store& store, const ChainId& chain, SnapshotMode mode);

struct Workspace::State {
  State(std::shared_ptr<Store> in, SnapshotMode how, TempDir work, Store::Lease held)
      : store(std::move(in)), mode(how), own(std::move(work)), folder(own->path()), lease(std::move(held)) {}
  State(std::shared_ptr<Store> in, SnapshotMode how, std::filesystem::path kept, Store::Lease held)
      : store(std::move(in)), mode(how), folder(std::move(kept)), lease(std::move(held)) {}
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  Result<void> mount_now(bool read_only);
  Result<void> find_plain(const Cancel& cancel);  // instead, to be read
  void unmount_now();

  std::shared_ptr<Store> store;
  SnapshotMode mode;
  std::optional<TempDir> own;  // absent: `folder` is someone else's
  std::filesystem::path folder;
  Store::Lease lease;
  std::vector<DiffId> diff_ids;
  std::vector<std::filesystem::path> lower;  // topmost first
  std::filesystem::path merged;
  std::filesystem::path upper;  // empty when read-only
  UniqueFd merged_fd;
  std::optional<MountPoints> points;
  bool mounted = false;
};

}  // namespace scangate
