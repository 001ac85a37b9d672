#pragma once
// Root file systems: unpacked layers by chainID, and overlay workspaces on top of them.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/model.h"
#include "pipeline/image/store.h"

namespace scangate {

// How workspaces are made on this host; probed once.
enum class SnapshotMode {
  overlay,           // root: trusted.* xattrs
  overlay_rootless,  // in a user namespace: userxattr
  plain,             // no mounts: root file systems can be read, not changed
};
std::string_view snapshot_mode_name(SnapshotMode mode);

// A writable root file system: overlayfs mounted `volatile`, redirect_dir, metacopy and index off. Unmounts and removes
// its folders at the end of its life. The mount lives in the process's own mount namespace (see enter_host_namespaces
// in pipeline/sandbox): a killed process leaves none behind.
class Workspace {
 public:
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;
  ~Workspace();

  const std::filesystem::path& root() const;   // the merged tree
  const std::filesystem::path& upper() const;  // what was changed

  enum class PointKind { file, directory };
  // Makes `path` (absolute within the root) exist as a mount point without leaving a trace in the layer: what had to be
  // created, and the times of folders touched by it, are undone by commit(). Symlinks resolve inside the root.
  Result<void> add_mount_point(const std::string& path, PointKind kind);

  // Writes the changes as a layer: whiteouts from overlay's character devices, opaque folders, hard links kept, xattrs
  // (overlay's own dropped, security.capability kept), sockets skipped. A folder that equals the lower one and holds no
  // change is left out. Nothing changed gives nullopt. Afterwards the upper folder becomes the snapshot of the new
  // chain, so that the next step need not unpack.
  Result<std::optional<WrittenLayer>> commit(const LayerOptions& options, std::vector<EntrySink*> tees,
                                             const Cancel& cancel);

 private:
  friend class Snapshots;
  struct State;
  explicit Workspace(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Snapshots {
 public:
  enum class WithoutMounts { refused, allowed };
  // Probes what the kernel allows; Fault::host with the remedy when no mode works. Without mounts, mount_read_only()
  // gives a folder that the layers were copied into, slower but right; mount() and mount_kept() are refused: device
  // nodes would work there.
  static Result<Snapshots> probe(std::shared_ptr<Store> store, WithoutMounts without = WithoutMounts::refused);
  // As if nothing could be mounted, for this reason.
  static Snapshots plain(std::shared_ptr<Store> store, std::string why);
  SnapshotMode mode() const { return mode_; }
  const std::string& why_plain() const { return why_plain_; }
  // Whether mount() can be. Errors: Fault::host with the reason and the remedy.
  Result<void> can_run() const;

  // Unpacks the layers of `diff_ids` (lowest first) that are not unpacked yet; several processes may do so at once.
  // Whiteouts become overlay's, hard links, xattrs, owners, modes and times are kept; device nodes where the kernel
  // lets us, else skipped and told. A malicious entry cannot be written outside the snapshot.
  Result<void> unpack(const std::vector<DiffId>& diff_ids, const Cancel& cancel, Progress& progress);
  // unpack(), then mount. An empty chain gives an empty root.
  Result<Workspace> mount(const std::vector<DiffId>& diff_ids, const Cancel& cancel, Progress& progress);
  // As mount(), with the changes in `folder`, which is made when missing, is on the store's disk, is the caller's to
  // remove, and is used by one Workspace at a time: mounted again with the same layers, they are there again. commit()
  // on it is a bug.
  Result<Workspace> mount_kept(const std::vector<DiffId>& diff_ids, const std::filesystem::path& folder,
                               const Cancel& cancel, Progress& progress);
  // unpack(), then a read-only mount (COPY --from, reading /etc/passwd). commit() on it is a bug.
  Result<Workspace> mount_read_only(const std::vector<DiffId>& diff_ids, const Cancel& cancel, Progress& progress);

 private:
  Snapshots(std::shared_ptr<Store> store, SnapshotMode mode) : store_(std::move(store)), mode_(mode) {}
  std::shared_ptr<Store> store_;
  SnapshotMode mode_;
  std::string why_plain_;
};

}  // namespace scangate
