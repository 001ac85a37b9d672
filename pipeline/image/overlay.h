#pragma once
// Overlayfs: mounts, and the marks it leaves in upper directories. Documentation/filesystems/overlayfs.rst. Private to
// this folder.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "pipeline/image/snapshot.h"

namespace scangate {

// "trusted.overlay." or, in a user namespace, "user.overlay.".
std::string overlay_xattr(SnapshotMode mode, std::string_view name);
bool is_opaque(int directory_fd, SnapshotMode mode);
Result<void> set_opaque(int directory_fd, SnapshotMode mode, std::string_view shown);

struct OverlayFolders {
  std::vector<std::filesystem::path> lower;  // topmost first, at least one
  std::filesystem::path upper;               // empty: a read-only mount, then at least two lower ones
  std::filesystem::path work;
};
// Mounts at `target`, without device nodes: an image's own could reach the host's disks.
Result<void> mount_overlay(const OverlayFolders& folders, SnapshotMode mode, const std::filesystem::path& target);
// Lazily; missing is fine.
void unmount(const std::filesystem::path& target);

// The mode that this process can use, tried out in `folder`.
Result<SnapshotMode> probe_overlay(const std::filesystem::path& folder);

}  // namespace scangate
