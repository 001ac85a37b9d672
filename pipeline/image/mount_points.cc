#include "pipeline/image/mount_points.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "pipeline/image/in_root.h"
#include "pipeline/image/layer.h"

namespace scangate {
namespace {

bool same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

Result<timespec> mtime_of(int fd, const std::string& shown) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(host_error("cannot read " + printable(shown), errno));
  return status.st_mtim;
}

Result<void> set_mtime(int fd, const timespec& at, const std::string& shown) {
  const timespec times[] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, at};
  if (futimens(fd, times) != 0) return fail(host_error("cannot set the time of " + printable(shown), errno));
  return {};
}

}  // namespace

// Where a path leads when symlinks resolve inside the root, also one whose end does not exist: images often have an
// /etc/resolv.conf that points to a file of a running system.
Result<MountPoints::Place> MountPoints::resolve(const std::string& path) const {
  std::vector<std::string> todo = path_components(path);
  std::reverse(todo.begin(), todo.end());
  Place place;
  int symlinks = 0;
  while (!todo.empty()) {
    if (symlinks > kMaxSymlinks || todo.size() > kMaxPathBytes)
      return fail(Fault::user, fmt::format("'{}' leads through too many symlinks", printable(path)));
    const std::string name = std::move(todo.back());
    todo.pop_back();
    if (name == "..") {
      auto& last = place.missing.empty() ? place.existing : place.missing;
      if (!last.empty()) last.pop_back();
      place.is_directory = true;
      continue;
    }
    if (!place.missing.empty()) {
      place.missing.push_back(name);
      continue;
    }
    const UniqueFd directory = open_plain(root_fd_, join_components(place.existing), O_PATH | O_DIRECTORY);
    if (!directory) {
      if (errno != ENOTDIR) return fail(host_error("cannot open " + printable(path), errno));
      return fail(Fault::user, fmt::format("'{}' cannot be a mount point: '/{}' is no folder", printable(path),
                                           printable(join_components(place.existing))));
    }
    struct stat status{};
    if (fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) return fail(host_error("cannot read " + printable(path), errno));
      place.missing.push_back(name);
      continue;
    }
    if (S_ISLNK(status.st_mode)) {
      ++symlinks;
      const std::string target = read_link(directory.get(), name);
      if (target.starts_with('/')) place.existing.clear();
      const std::vector<std::string> more = path_components(target);
      todo.insert(todo.end(), more.rbegin(), more.rend());
      continue;
    }
    place.existing.push_back(name);
    place.is_directory = S_ISDIR(status.st_mode);
  }
  return place;
}

Result<void> MountPoints::add(const std::string& path, Workspace::PointKind kind) {
  SCANGATE_TRY(Place place, resolve(path));
  if (place.missing.empty()) {
    const bool wants_directory = kind == Workspace::PointKind::directory;
    if (place.is_directory == wants_directory) return {};
    return fail(Fault::user, fmt::format("'{}' cannot be a mount point: it is {} in the image", printable(path),
                                         place.is_directory ? "a folder" : "a file"));
  }
  std::vector<std::string> at = place.existing;
  for (std::size_t i = 0; i < place.missing.size(); ++i) {
    const bool last = i + 1 == place.missing.size();
    SCANGATE_CHECK(make(join_components(at), place.missing[i], last ? kind : Workspace::PointKind::directory));
    at.push_back(place.missing[i]);
  }
  return {};
}

Result<void> MountPoints::make(const std::string& parent, const std::string& name, Workspace::PointKind kind) {
  const std::string path = parent.empty() ? name : parent + "/" + name;
  const UniqueFd directory = open_plain(root_fd_, parent, O_RDONLY | O_DIRECTORY);
  if (!directory) return fail(host_error("cannot open /" + printable(parent), errno));
  Made made{.path = path, .parent = parent, .kind = kind};
  SCANGATE_TRY(made.before, mtime_of(directory.get(), parent));
  if (kind == Workspace::PointKind::directory) {
    if (mkdirat(directory.get(), name.c_str(), 0755) != 0)
      return fail(file_error("cannot create /" + printable(path), errno));
  } else {
    const UniqueFd file(
        openat(directory.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file) return fail(file_error("cannot create /" + printable(path), errno));
  }
  SCANGATE_TRY(made.after, mtime_of(directory.get(), parent));
  made_.push_back(std::move(made));
  return {};
}

Result<void> MountPoints::undo() {
  while (!made_.empty()) {
    const Made made = std::move(made_.back());
    made_.pop_back();
    SCANGATE_CHECK(remove(made));
  }
  return {};
}

Result<void> MountPoints::remove(const Made& made) {
  const UniqueFd directory = open_plain(root_fd_, made.parent, O_RDONLY | O_DIRECTORY);
  if (!directory) return {};  // the step removed or replaced it
  const std::string name = made.path.substr(made.path.rfind('/') == std::string::npos ? 0 : made.path.rfind('/') + 1);
  SCANGATE_TRY(const timespec now, mtime_of(directory.get(), made.parent));
  struct stat status{};
  bool removed = false;
  if (fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    if (made.kind == Workspace::PointKind::file) {
      removed = S_ISREG(status.st_mode) && status.st_size == 0 && unlinkat(directory.get(), name.c_str(), 0) == 0;
    } else {
      // Not when the step put something into it: then it belongs to the image.
      removed = unlinkat(directory.get(), name.c_str(), AT_REMOVEDIR) == 0;
    }
  }
  if (same(now, made.after) && removed) return set_mtime(directory.get(), made.before, made.parent);
  if (removed) return set_mtime(directory.get(), now, made.parent);
  return {};
}

}  // namespace scangate
