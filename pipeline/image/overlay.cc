#include "pipeline/image/overlay.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/image/in_root.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

// mount(2) takes one page of options.
constexpr std::size_t kMaxOptions = 4095;

// The first line of uid_map outside any user namespace: all ids map to themselves (user_namespaces(7)).
bool in_user_namespace() {
  const auto map = read_file("/proc/self/uid_map", 4096);
  if (!map) return false;
  std::vector<std::string> words;
  for (const std::string& word : split(*map, ' '))
    if (const std::string_view bare = trim(word); !bare.empty()) words.emplace_back(bare);
  return words != std::vector<std::string>{"0", "0", "4294967295"};
}

Error mount_error(int error_number) {
  Error error = host_error("cannot mount an overlay filesystem", error_number);
  switch (error_number) {
    case EPERM:
    case EACCES:
      return std::move(error).remedy(
          "run as root, or allow user namespaces for this user; in a container the runner needs mount rights");
    case ENODEV:
      return std::move(error).remedy("load the kernel module 'overlay'");
    case EINVAL:
    case EOPNOTSUPP:
      return std::move(error).remedy(
          "put the store on ext4, xfs, btrfs or tmpfs, not on another overlay, and use Linux 5.11 or later");
    default:
      return error;
  }
}

}  // namespace

std::string overlay_xattr(SnapshotMode mode, std::string_view name) {
  return fmt::format("{}.overlay.{}", mode == SnapshotMode::overlay ? "trusted" : "user", name);
}

bool is_opaque(int directory_fd, SnapshotMode mode) {
  char value[8];
  const ssize_t size = fgetxattr(directory_fd, overlay_xattr(mode, "opaque").c_str(), value, sizeof value);
  return size == 1 && value[0] == 'y';
}

Result<void> set_opaque(int directory_fd, SnapshotMode mode, std::string_view shown) {
  if (fsetxattr(directory_fd, overlay_xattr(mode, "opaque").c_str(), "y", 1, 0) != 0)
    return fail(file_error(fmt::format("cannot mark {} as opaque", shown), errno));
  return {};
}

Result<void> mount_overlay(const OverlayFolders& folders, SnapshotMode mode, const fs::path& target) {
  // Folders by descriptor: their paths would not fit into the page of options, nor survive a ":" or "," in them.
  std::vector<UniqueFd> held;
  const auto by_descriptor = [&](const fs::path& path) -> Result<std::string> {
    SCANGATE_TRY(UniqueFd fd, open_file(path, O_PATH | O_DIRECTORY));
    held.push_back(std::move(fd));
    return fmt::format("/proc/self/fd/{}", held.back().get());
  };
  std::string options = "lowerdir=";
  for (std::size_t i = 0; i < folders.lower.size(); ++i) {
    SCANGATE_TRY(const std::string lower, by_descriptor(folders.lower[i]));
    options += (i == 0 ? "" : ":") + lower;
  }
  if (!folders.upper.empty()) {
    SCANGATE_TRY(const std::string upper, by_descriptor(folders.upper));
    SCANGATE_TRY(const std::string work, by_descriptor(folders.work));
    options += ",upperdir=" + upper + ",workdir=" + work + ",volatile";
  }
  options += ",index=off,xino=off";
  // In a user namespace the kernel keeps these two off itself, and refuses to be told.
  options += mode == SnapshotMode::overlay ? ",redirect_dir=off,metacopy=off" : ",userxattr";
  if (options.size() > kMaxOptions)
    return fail(Fault::user, fmt::format("the image has {} layers, more than the kernel can mount; build it with fewer",
                                         folders.lower.size()));
  const unsigned long flags = folders.upper.empty() ? (MS_NODEV | MS_RDONLY) : MS_NODEV;
  if (::mount("overlay", target.c_str(), "overlay", flags, options.c_str()) != 0) return fail(mount_error(errno));
  return {};
}

void unmount(const fs::path& target) {
  // Detached at once, gone when the last user is: a process of a killed step may still be dying.
  static_cast<void>(::umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW));
}

Result<SnapshotMode> probe_overlay(const fs::path& folder) {
  const SnapshotMode mode = in_user_namespace() ? SnapshotMode::overlay_rootless : SnapshotMode::overlay;
  for (const char* name : {"lower", "upper", "work", "merged"})
    SCANGATE_CHECK(make_directories(folder / name, 0755));
  SCANGATE_CHECK(write_file_atomic(folder / "lower" / "probe", {}));
  const fs::path merged = folder / "merged";
  SCANGATE_CHECK(mount_overlay({{folder / "lower"}, folder / "upper", folder / "work"}, mode, merged));
  // A mount may succeed read-only: what counts is that deleting leaves a whiteout.
  const int removed = ::unlink((merged / "probe").c_str()) == 0 ? 0 : errno;
  unmount(merged);
  if (removed != 0) return fail(mount_error(removed));
  struct stat status{};
  if (lstat((folder / "upper" / "probe").c_str(), &status) != 0 || !is_whiteout_device(status))
    return fail(mount_error(EINVAL));
  return mode;
}

}  // namespace scangate
