#include "pipeline/image/layer_unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/image/in_root.h"
#include "pipeline/image/layer_paths.h"
#include "pipeline/image/overlay.h"
#include "pipeline/image/xattrs.h"

namespace scangate {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kAufs = ".wh..wh.";  // further names of AUFS's own: layer.md reserves them

std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

timespec whole_seconds(std::int64_t seconds) {
  return {.tv_sec = static_cast<time_t>(seconds), .tv_nsec = 0};
}

}  // namespace

LayerUnpacker::LayerUnpacker(UniqueFd folder_fd, LowerDirectory lower, SnapshotMode mode, const Cancel& cancel,
                             Progress& progress)
    : root_(std::move(folder_fd)), lower_(std::move(lower)), mode_(mode), cancel_(cancel), progress_(progress) {}

tl::unexpected<Error> LayerUnpacker::wrong(std::string_view why) const {
  return fail(Fault::user, fmt::format("entry '{}' {}", printable(entry_.path), why));
}
tl::unexpected<Error> LayerUnpacker::failed(std::string_view what, int error_number) const {
  return fail(file_error(fmt::format("cannot {} '{}'", what, printable(entry_.path)), error_number));
}

tl::unexpected<Error> LayerUnpacker::owner_failed(std::uint32_t uid, std::uint32_t gid, int error_number) const {
  if (error_number == EPERM)
    return fail(Error(Fault::host, fmt::format("'{}' belongs to {}:{}, and this process may not give files away",
                                               printable(entry_.path), uid, gid))
                    .remedy("allow user namespaces, or run as root of the container"));
  if (error_number != EINVAL) return failed("set the owner of", error_number);
  return fail(Error(Fault::host, fmt::format("'{}' belongs to {}:{}, which this user namespace does not map",
                                             printable(entry_.path), uid, gid))
                  .remedy("give the user a range of 65536 ids in /etc/subuid and /etc/subgid"));
}

Result<void> LayerUnpacker::set_owner(int fd, std::uint32_t uid, std::uint32_t gid) const {
  if (fchown(fd, uid, gid) != 0) return owner_failed(uid, gid, errno);
  return {};
}

Result<void> LayerUnpacker::set_xattrs(int fd) {
  for (const auto& [name, value] : entry_.xattrs) {
    if (!is_layer_xattr(name)) continue;
    if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno == ENOSPC || errno == EDQUOT) return failed("set extended attributes of", errno);
    // A filesystem without user.*, or a capability that this namespace may not grant: the file is of use without it.
    if (!std::exchange(told_xattrs_, true))
      progress_.line(Level::warning,
                     fmt::format("'{}': the extended attribute {} is not kept: {}", printable(entry_.path),
                                 printable(name), host_error("", errno).cause()));
  }
  return {};
}

// Makes way for a new entry of the same name: the later entry of a layer wins.
Result<void> LayerUnpacker::make_room(int parent_fd, const std::string& name) {
  if (unlinkat(parent_fd, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return failed("replace", errno);
  // By way of the descriptor, so that no other path is walked.
  return remove_tree(fmt::format("/proc/self/fd/{}/{}", parent_fd, name));
}

Result<int> LayerUnpacker::open_parent(const std::string& path) {
  if (parent_fd_ && path == parent_path_) return parent_fd_.get();
  parent_fd_ = open_following(root_.get(), path, O_PATH | O_DIRECTORY);
  if (!parent_fd_) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) return failed("open the folder of", errno);
    SCANGATE_TRY(parent_fd_, make_parents(path));
  }
  parent_path_ = path;
  return parent_fd_.get();
}

// Goes down the path one component after the other, as the layers together show it: a directory that only exists below
// is made here with the same attributes, a symlink below is followed.
Result<UniqueFd> LayerUnpacker::make_parents(const std::string& path) {
  std::vector<std::string> todo = path_components(path);
  std::reverse(todo.begin(), todo.end());
  std::vector<std::string> done;
  int symlinks = 0;
  const auto open_done = [&] { return open_plain(root_.get(), join_components(done), O_RDONLY | O_DIRECTORY); };
  UniqueFd current = open_done();
  const auto follow = [&](const std::string& target) {
    if (target.starts_with('/')) done.clear();
    std::vector<std::string> more = path_components(target);
    todo.insert(todo.end(), more.rbegin(), more.rend());
    current = open_done();
  };
  while (!todo.empty()) {
    if (symlinks > kMaxSymlinks || todo.size() > kMaxPathBytes) return wrong("lies below too many symlinks");
    const std::string name = std::move(todo.back());
    todo.pop_back();
    if (name == "..") {
      if (!done.empty()) done.pop_back();
      current = open_done();
      continue;
    }
    struct stat status{};
    const bool here = fstatat(current.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!here && errno != ENOENT) return failed("open the folder of", errno);
    if (here && S_ISLNK(status.st_mode)) {
      ++symlinks;
      follow(read_link(current.get(), name));
      continue;
    }
    const bool deleted = here && is_whiteout_device(status);
    if (here && !deleted && !S_ISDIR(status.st_mode))
      return wrong(fmt::format("lies below '{}', which is no directory", printable(name)));
    if (!here || deleted) {
      std::optional<LowerDirectory::Child> below;
      if (!deleted) {
        std::vector<std::string> full = done;
        full.push_back(name);
        SCANGATE_TRY(below, lower_.find_path(full));
      } else if (unlinkat(current.get(), name.c_str(), 0) != 0) {
        return failed("replace the whiteout above", errno);
      }
      if (below && S_ISLNK(below->status.st_mode)) {
        ++symlinks;
        follow(below->link_target);
        continue;
      }
      SCANGATE_TRY(current, make_missing(current.get(), name, done, below ? &*below : nullptr));
      if (deleted) SCANGATE_CHECK(set_opaque(current.get(), mode_, name));
    } else {
      current = UniqueFd(openat(current.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!current) return failed("open the folder of", errno);
    }
    done.push_back(name);
  }
  return current;
}

// A directory that no entry lists: it is there in a lower layer, or takes the usual attributes.
Result<UniqueFd> LayerUnpacker::make_missing(int parent_fd, const std::string& name,
                                             const std::vector<std::string>& done, const LowerDirectory::Child* below) {
  if (mkdirat(parent_fd, name.c_str(), 0755) != 0) return failed("create the folder of", errno);
  UniqueFd fd(openat(parent_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return failed("open the folder of", errno);
  mode_t mode = 0755;
  if (below != nullptr && below->directory) {
    mode = below->status.st_mode & 07777U;
    SCANGATE_CHECK(set_owner(fd.get(), below->status.st_uid, below->status.st_gid));
    SCANGATE_TRY(const Xattrs attributes, layer_xattrs(below->directory->fd(), name));
    for (const auto& [key, value] : attributes)
      static_cast<void>(fsetxattr(fd.get(), key.c_str(), value.data(), value.size(), 0));
    std::vector<std::string> full = done;
    full.push_back(name);
    directory_times_.emplace_back(join_components(full), below->status.st_mtim.tv_sec);
  }
  if (fchmod(fd.get(), mode) != 0) return failed("set the mode of the folder of", errno);
  return fd;
}

Result<void> LayerUnpacker::whiteout(int parent_fd, const std::string& hidden) {
  if (hidden.empty() || hidden == "." || hidden == "..") return wrong("hides nothing that can have a name");
  if (mknodat(parent_fd, hidden.c_str(), S_IFCHR, 0) == 0) return {};
  if (errno != EEXIST) return failed("write the whiteout", errno);
  // A whiteout is for the lower layers only: what this layer itself put there stays, and hides what is below.
  UniqueFd directory(openat(parent_fd, hidden.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory) return set_opaque(directory.get(), mode_, hidden);
  return {};
}

Result<void> LayerUnpacker::make_opaque_entry() {
  if (parent_path_.empty()) {
    // Overlayfs merges the layers' roots whatever their marks say: finish() hides the names one by one.
    hide_lower_root_ = true;
    return {};
  }
  UniqueFd directory = open_following(root_.get(), parent_path_, O_RDONLY | O_DIRECTORY);
  if (!directory) return failed("open the folder of", errno);
  return set_opaque(directory.get(), mode_, parent_path_);
}

Result<EntrySink::Want> LayerUnpacker::begin_entry(const Entry& entry) {
  if (cancel_.cancelled()) return fail(cancelled_error());
  entry_ = entry;
  if (entry.path.empty()) {
    SCANGATE_CHECK(put_directory(root_.get(), ""));
    return Want::skip;
  }
  const auto [folder, name] = split_path(entry.path);
  SCANGATE_TRY(const int parent, open_parent(folder));
  if (name.starts_with(kWhiteout)) {
    if (name == kOpaque) {
      SCANGATE_CHECK(make_opaque_entry());
    } else if (!name.starts_with(kAufs)) {
      SCANGATE_CHECK(whiteout(parent, name.substr(kWhiteout.size())));
    }
    return Want::skip;
  }
  switch (entry.type) {
    case EntryType::file: {
      SCANGATE_CHECK(put_file(parent, name));
      return Want::content;
    }
    case EntryType::directory:
      SCANGATE_CHECK(put_directory(parent, name));
      break;
    case EntryType::symlink:
      SCANGATE_CHECK(put_symlink(parent, name));
      break;
    case EntryType::hardlink:
      SCANGATE_CHECK(put_hardlink(parent, name));
      break;
    case EntryType::character_device:
    case EntryType::block_device:
    case EntryType::fifo:
      SCANGATE_CHECK(put_node(parent, name));
      break;
  }
  return Want::skip;
}

Result<void> LayerUnpacker::put_file(int parent_fd, const std::string& name) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  file_ = UniqueFd(openat(parent_fd, name.c_str(), kFlags, 0600));
  if (!file_ && errno == EEXIST) {
    SCANGATE_CHECK(make_room(parent_fd, name));
    file_ = UniqueFd(openat(parent_fd, name.c_str(), kFlags, 0600));
  }
  if (!file_) return failed("create", errno);
  return {};
}

Result<void> LayerUnpacker::content(Bytes bytes) {
  if (cancel_.cancelled()) return fail(cancelled_error());
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> LayerUnpacker::end_entry() {
  if (!file_) return {};
  // Owner first: changing it clears setuid bits and capabilities.
  SCANGATE_CHECK(set_owner(file_.get(), entry_.uid, entry_.gid));
  if (fchmod(file_.get(), entry_.mode) != 0) return failed("set the mode of", errno);
  SCANGATE_CHECK(set_xattrs(file_.get()));
  const timespec times[] = {whole_seconds(entry_.mtime_seconds), whole_seconds(entry_.mtime_seconds)};
  if (futimens(file_.get(), times) != 0) return failed("set the time of", errno);
  file_.reset();
  return {};
}

Result<void> LayerUnpacker::put_directory(int parent_fd, const std::string& name) {
  bool hides_lower = false;
  if (!name.empty() && mkdirat(parent_fd, name.c_str(), 0700) != 0) {
    struct stat status{};
    if (errno != EEXIST || fstatat(parent_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return failed("create", errno);
    if (!S_ISDIR(status.st_mode)) {
      // Deleted and made anew in one layer: what is below must not show through.
      hides_lower = is_whiteout_device(status);
      if (unlinkat(parent_fd, name.c_str(), 0) != 0 || mkdirat(parent_fd, name.c_str(), 0700) != 0)
        return failed("replace", errno);
    }
  }
  UniqueFd fd(openat(parent_fd, name.empty() ? "." : name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return failed("open", errno);
  if (hides_lower) SCANGATE_CHECK(set_opaque(fd.get(), mode_, name));
  SCANGATE_CHECK(set_owner(fd.get(), entry_.uid, entry_.gid));
  if (fchmod(fd.get(), entry_.mode) != 0) return failed("set the mode of", errno);
  SCANGATE_CHECK(set_xattrs(fd.get()));
  directory_times_.emplace_back(entry_.path, entry_.mtime_seconds);
  return {};
}

Result<void> LayerUnpacker::put_symlink(int parent_fd, const std::string& name) {
  if (entry_.link_target.empty()) return wrong("is a symlink to nowhere");
  if (symlinkat(entry_.link_target.c_str(), parent_fd, name.c_str()) != 0) {
    if (errno != EEXIST) return failed("create", errno);
    SCANGATE_CHECK(make_room(parent_fd, name));
    if (symlinkat(entry_.link_target.c_str(), parent_fd, name.c_str()) != 0) return failed("create", errno);
  }
  if (fchownat(parent_fd, name.c_str(), entry_.uid, entry_.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return owner_failed(entry_.uid, entry_.gid, errno);
  const timespec times[] = {whole_seconds(entry_.mtime_seconds), whole_seconds(entry_.mtime_seconds)};
  if (utimensat(parent_fd, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return failed("set the time of", errno);
  return {};
}

Result<void> LayerUnpacker::put_hardlink(int parent_fd, const std::string& name) {
  const auto [folder, target] = split_path(entry_.link_target);
  const UniqueFd from = open_following(root_.get(), folder, O_PATH | O_DIRECTORY);
  const auto missing = [&] {
    return wrong(fmt::format("is a hard link to '{}', which is no file of the layer", printable(entry_.link_target)));
  };
  struct stat status{};
  if (!from || fstatat(from.get(), target.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || S_ISDIR(status.st_mode) ||
      is_whiteout_device(status))
    return missing();
  if (linkat(from.get(), target.c_str(), parent_fd, name.c_str(), 0) == 0) return {};
  if (errno != EEXIST) return failed("link", errno);
  struct stat present{};
  if (fstatat(parent_fd, name.c_str(), &present, AT_SYMLINK_NOFOLLOW) == 0 && present.st_ino == status.st_ino)
    return {};
  SCANGATE_CHECK(make_room(parent_fd, name));
  SCANGATE_TRY(parent_fd, open_parent(split_path(entry_.path).first));
  // Removing a whole tree may have taken the target along.
  if (linkat(from.get(), target.c_str(), parent_fd, name.c_str(), 0) != 0)
    return errno == ENOENT ? missing() : failed("link", errno);
  return {};
}

Result<void> LayerUnpacker::put_node(int parent_fd, const std::string& name) {
  mode_t type = S_IFIFO;
  if (entry_.type == EntryType::character_device) type = S_IFCHR;
  if (entry_.type == EntryType::block_device) type = S_IFBLK;
  const dev_t device = entry_.type == EntryType::fifo ? 0 : makedev(entry_.device_major, entry_.device_minor);
  const auto skip = [&](std::string_view why) {
    if (!std::exchange(told_devices_, true))
      progress_.line(Level::warning, fmt::format("device node '{}' is left out: {}", printable(entry_.path), why));
  };
  if (type == S_IFCHR && device == 0) {
    // On disk it would delete a file of a lower layer, which the entry does not say.
    skip("0:0 is the kernel's mark for a deleted file");
    return {};
  }
  if (mknodat(parent_fd, name.c_str(), type | 0600, device) != 0 && errno == EEXIST) {
    SCANGATE_CHECK(make_room(parent_fd, name));
    if (mknodat(parent_fd, name.c_str(), type | 0600, device) != 0 && errno != EPERM) return failed("create", errno);
  }
  struct stat status{};
  if (fstatat(parent_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (type == S_IFIFO) return failed("create", errno);
    skip("this user may not create devices");
    return {};
  }
  // Without opening: a device of the host would notice.
  if (fchownat(parent_fd, name.c_str(), entry_.uid, entry_.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return owner_failed(entry_.uid, entry_.gid, errno);
  if (fchmodat(parent_fd, name.c_str(), entry_.mode, 0) != 0) return failed("set the mode of", errno);
  const timespec times[] = {whole_seconds(entry_.mtime_seconds), whole_seconds(entry_.mtime_seconds)};
  if (utimensat(parent_fd, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) return failed("set the time of", errno);
  return {};
}

Result<void> LayerUnpacker::copy_root_attributes() {
  if (lower_.empty()) {
    // Nobody says when the root was made; the same layers must give the same tree.
    directory_times_.emplace_back("", 0);
    return {};
  }
  struct stat status{};
  if (fstat(lower_.fd(), &status) != 0) return failed("read the root's attributes for", errno);
  SCANGATE_CHECK(set_owner(root_.get(), status.st_uid, status.st_gid));
  if (fchmod(root_.get(), status.st_mode & 07777U) != 0) return failed("set the mode of", errno);
  SCANGATE_TRY(const Xattrs attributes, layer_xattrs(lower_.fd(), "the root"));
  for (const auto& [key, value] : attributes)
    static_cast<void>(fsetxattr(root_.get(), key.c_str(), value.data(), value.size(), 0));
  directory_times_.emplace_back("", status.st_mtim.tv_sec);
  return {};
}

Result<void> LayerUnpacker::hide_lower_root() {
  SCANGATE_TRY(const std::vector<std::string> names, lower_.names());
  for (const std::string& name : names)
    SCANGATE_CHECK(whiteout(root_.get(), name));
  return {};
}

Result<void> LayerUnpacker::finish() {
  entry_ = {};
  if (hide_lower_root_) SCANGATE_CHECK(hide_lower_root());
  const bool has_root = std::any_of(directory_times_.begin(), directory_times_.end(),
                                    [](const auto& item) { return item.first.empty(); });
  if (!has_root) SCANGATE_CHECK(copy_root_attributes());
  for (const auto& [path, seconds] : directory_times_) {
    const UniqueFd fd = open_following(root_.get(), path, O_RDONLY | O_DIRECTORY);
    if (!fd) continue;  // replaced by a later entry
    const timespec times[] = {whole_seconds(seconds), whole_seconds(seconds)};
    if (futimens(fd.get(), times) != 0) return failed("set the time of", errno);
  }
  return {};
}

}  // namespace scangate
