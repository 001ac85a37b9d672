#include "pipeline/image/snapshot.h"

#include <fcntl.h>

#include <cerrno>
#include <chrono>

#include "base/text.h"
#include "pipeline/image/layer_unpack.h"
#include "pipeline/image/lock_file.h"
#include "pipeline/image/lower_view.h"
#include "pipeline/image/overlay.h"
#include "pipeline/image/plain_root.h"
#include "pipeline/image/store_files.h"
#include "pipeline/image/workspace.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

// A snapshot is a folder with this one in it: its own mode and times are free for the store's bookkeeping.
constexpr const char* kFiles = "fs";

// One layer into a folder of its own, then to its name.
Result<void> unpack_layer(const std::shared_ptr<Store>& store, SnapshotMode mode, const std::vector<DiffId>& diff_ids,
                          std::size_t at, const std::vector<fs::path>& lower, const Cancel& cancel,
                          Progress& progress) {
  const DiffId& diff_id = diff_ids[at];
  const ChainId chain = chain_id(diff_ids, at + 1);
  // One process unpacks, the others wait for its result.
  SCANGATE_TRY(LockFile held, LockFile::acquire(store->root() / "locks" / chain.digest.hex(), cancel));
  struct Removed {
    LockFile lock;
    ~Removed() { lock.remove(); }
  } const lock{std::move(held)};
  if (!find_snapshot(*store, chain, mode).empty()) return {};
  SCANGATE_TRY(const std::optional<Descriptor> blob, store->find_layer(diff_id));
  if (!blob)
    return fail(Error(Fault::user, fmt::format("layer {} is not in the store", diff_id.digest.str()))
                    .remedy("pull, import or build the image again"));
  SCANGATE_TRY(const TempDir work, store->make_work_folder("unpack-"));
  const fs::path files = work.path() / kFiles;
  SCANGATE_CHECK(make_directories(files, 0755));
  SCANGATE_TRY(UniqueFd folder, open_file(files, O_RDONLY | O_DIRECTORY));
  if (fchmod(folder.get(), 0755) != 0) return fail(host_error("cannot set the mode of " + files.string(), errno));
  SCANGATE_TRY(LowerDirectory below, LowerDirectory::open(lower, mode));
  LayerUnpacker unpacker(std::move(folder), std::move(below), mode, cancel, progress);
  const std::string place = "unpacking layer " + blob->digest.brief();
  if (auto read = stored_layer(*store, *blob, diff_id)->read(unpacker); !read)
    return fail(std::move(read).error().during(place));
  if (auto finished = unpacker.finish(); !finished) return fail(std::move(finished).error().during(place));
  SCANGATE_CHECK(place_snapshot(*store, chain, mode, files));
  progress.line(Level::debug,
                fmt::format("unpacked layer {} of {}: {}", at + 1, diff_ids.size(), blob->digest.brief()));
  return {};
}

}  // namespace

std::string_view snapshot_mode_name(SnapshotMode mode) {
  switch (mode) {
    case SnapshotMode::overlay:
      return "overlay";
    case SnapshotMode::overlay_rootless:
      return "overlay-rootless";
    case SnapshotMode::plain:
      return "plain";
  }
  return "overlay";
}

namespace {

// The marks of one mode are not seen in another: a store that was used in both has both.
fs::path path_in_mode(const Store& store, const ChainId& chain, SnapshotMode mode) {
  const std::string name = chain.digest.str() + " plain";
  return snapshot_path(store.root(), mode == SnapshotMode::plain ? Digest::of(name) : chain.digest);
}

}  // namespace

fs::path find_snapshot(const Store& store, const ChainId& chain, SnapshotMode mode) {
  const fs::path path = path_in_mode(store, chain, mode);
  return touch_file(path) ? path / kFiles : fs::path();
}

Result<void> place_snapshot(Store& store, const ChainId& chain, SnapshotMode mode, const fs::path& folder) {
  SCANGATE_TRY(const TempDir work, store.make_work_folder("snapshot-"));
  const fs::path files = work.path() / kFiles;
  if (::rename(folder.c_str(), files.c_str()) != 0) return fail(host_error("cannot move " + folder.string(), errno));
  // Others need not look into images; within, the layer's own modes count.
  if (::chmod(work.path().c_str(), 0700) != 0)
    return fail(host_error("cannot set the mode of " + work.path().string(), errno));
  const fs::path target = path_in_mode(store, chain, mode);
  if (::rename(work.path().c_str(), target.c_str()) != 0 && errno != EEXIST && errno != ENOTEMPTY)
    return fail(host_error("cannot put " + target.string(), errno));
  static_cast<void>(touch_file(target));
  return {};
}

Result<Snapshots> Snapshots::probe(std::shared_ptr<Store> store, WithoutMounts without) {
  SCANGATE_TRY(const TempDir work, store->make_work_folder("probe-"));
  auto mode = probe_overlay(work.path());
  if (mode) return Snapshots(std::move(store), *mode);
  if (without == WithoutMounts::allowed && probe_plain(work.path() / "plain"))
    return plain(std::move(store), mode.error().text());
  return fail(std::move(mode).error());
}

Snapshots Snapshots::plain(std::shared_ptr<Store> store, std::string why) {
  Snapshots out(std::move(store), SnapshotMode::plain);
  out.why_plain_ = std::move(why);
  return out;
}

Result<void> Snapshots::can_run() const {
  if (mode_ != SnapshotMode::plain) return {};
  return fail(Fault::host, "RUN needs mounts: " + why_plain_);
}

Result<void> Snapshots::unpack(const std::vector<DiffId>& diff_ids, const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(const Store::Lease lease, store_->lease());
  std::vector<fs::path> lower;  // topmost first
  for (std::size_t i = 0; i < diff_ids.size(); ++i) {
    const ChainId chain = chain_id(diff_ids, i + 1);
    fs::path folder = find_snapshot(*store_, chain, mode_);
    if (folder.empty()) {
      SCANGATE_CHECK(unpack_layer(store_, mode_, diff_ids, i, lower, cancel, progress));
      folder = find_snapshot(*store_, chain, mode_);
      if (folder.empty()) return fail(Fault::host, fmt::format("snapshot {} vanished", chain.digest.hex()));
    }
    lower.insert(lower.begin(), std::move(folder));
  }
  return {};
}

namespace {

Result<std::vector<fs::path>> snapshot_folders(const Store& store, const std::vector<DiffId>& diff_ids,
                                               SnapshotMode mode) {
  std::vector<fs::path> out;
  for (std::size_t count = diff_ids.size(); count > 0; --count) {
    fs::path folder = find_snapshot(store, chain_id(diff_ids, count), mode);
    if (folder.empty())
      return fail(Fault::host, fmt::format("snapshot {} vanished", chain_id(diff_ids, count).digest.hex()));
    out.push_back(std::move(folder));
  }
  return out;
}

}  // namespace

Result<Workspace> Snapshots::mount(const std::vector<DiffId>& diff_ids, const Cancel& cancel, Progress& progress) {
  SCANGATE_CHECK(can_run());
  // Before unpacking: what the lease finds is used from then on, and may not be pruned.
  SCANGATE_TRY(Store::Lease lease, store_->lease());
  SCANGATE_CHECK(unpack(diff_ids, cancel, progress));
  SCANGATE_TRY(TempDir folder, store_->make_work_folder("work-"));
  auto state = std::make_unique<Workspace::State>(store_, mode_, std::move(folder), std::move(lease));
  state->diff_ids = diff_ids;
  SCANGATE_TRY(state->lower, snapshot_folders(*store_, diff_ids, mode_));
  SCANGATE_CHECK(state->mount_now(false));
  return Workspace(std::move(state));
}

Result<Workspace> Snapshots::mount_kept(const std::vector<DiffId>& diff_ids, const fs::path& folder,
                                        const Cancel& cancel, Progress& progress) {
  SCANGATE_CHECK(can_run());
  SCANGATE_TRY(Store::Lease lease, store_->lease());
  SCANGATE_CHECK(unpack(diff_ids, cancel, progress));
  SCANGATE_CHECK(make_directories(folder, 0700));
  auto state = std::make_unique<Workspace::State>(store_, mode_, folder, std::move(lease));
  state->diff_ids = diff_ids;
  SCANGATE_TRY(state->lower, snapshot_folders(*store_, diff_ids, mode_));
  SCANGATE_CHECK(state->mount_now(false));
  return Workspace(std::move(state));
}

Result<Workspace> Snapshots::mount_read_only(const std::vector<DiffId>& diff_ids, const Cancel& cancel,
                                             Progress& progress) {
  SCANGATE_TRY(Store::Lease lease, store_->lease());
  SCANGATE_CHECK(unpack(diff_ids, cancel, progress));
  SCANGATE_TRY(TempDir folder, store_->make_work_folder("read-"));
  auto state = std::make_unique<Workspace::State>(store_, mode_, std::move(folder), std::move(lease));
  state->diff_ids = diff_ids;
  SCANGATE_TRY(state->lower, snapshot_folders(*store_, diff_ids, mode_));
  SCANGATE_CHECK(mode_ == SnapshotMode::plain ? state->find_plain(cancel) : state->mount_now(true));
  return Workspace(std::move(state));
}

}  // namespace scangate
