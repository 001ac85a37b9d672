#include "pipeline/image/plain_root.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/image/in_root.h"
#include "pipeline/image/overlay.h"
#include "pipeline/image/xattrs.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

// Deeper trees cannot be named by a path (PATH_MAX).
constexpr std::size_t kMaxDepth = 2048;
constexpr std::size_t kMostAtOnce = 64U << 20U;  // between two looks at cancel

Error trouble(std::string_view doing, const std::string& path, int number) {
  return file_error(fmt::format("cannot {} '{}'", doing, printable(path)), number);
}

// The owner first: a change of it takes setuid bits and capabilities away.
Result<void> dress(int fd, const struct stat& status, const Xattrs& attributes, const std::string& path) {
  if (fchown(fd, status.st_uid, status.st_gid) != 0) return fail(trouble("set the owner of", path, errno));
  if (fchmod(fd, status.st_mode & 07777U) != 0) return fail(trouble("set the mode of", path, errno));
  for (const auto& [name, value] : attributes)
    if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0)
      return fail(trouble("set the attributes of", path, errno));
  const timespec times[] = {status.st_atim, status.st_mtim};
  if (futimens(fd, times) != 0) return fail(trouble("set the time of", path, errno));
  return {};
}

class Filling {
 public:
  Filling(int root_fd, const Cancel& cancel) : root_fd_(root_fd), cancel_(cancel) {}

  // What lies in a folder, then the folder's own attributes: its time changes with every name.
  Result<void> folder(const LowerDirectory& from, const struct stat& status, int to, const std::string& path,
                      std::size_t depth) {
    if (depth > kMaxDepth) return fail(Fault::user, fmt::format("'{}' lies too deep", printable(path)));
    SCANGATE_TRY(const auto names, from.names());
    for (const std::string& name : names) {
      if (cancel_.cancelled()) return fail(cancelled_error());
      SCANGATE_TRY(const auto child, from.find(name));
      if (!child) continue;
      const std::string full = path + "/" + name;
      if (!child->directory) {
        SCANGATE_CHECK(other(*child, to, name, full));
        continue;
      }
      if (mkdirat(to, name.c_str(), 0700) != 0) return fail(trouble("make", full, errno));
      const UniqueFd made(openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!made) return fail(trouble("open", full, errno));
      SCANGATE_CHECK(folder(*child->directory, child->status, made.get(), full, depth + 1));
    }
    SCANGATE_TRY(const Xattrs attributes, layer_xattrs(from.fd(), path));
    return dress(to, status, attributes, path);
  }

 private:
  Result<void> other(const LowerDirectory::Child& child, int to, const std::string& name, const std::string& full) {
    const struct stat& status = child.status;
    if (status.st_nlink > 1) {
      const auto [first, is_first] = linked_.try_emplace({status.st_dev, status.st_ino}, full.substr(1));
      // Made by us a moment ago, and nobody else writes here: no part of the path is a link.
      if (!is_first && linkat(root_fd_, first->second.c_str(), to, name.c_str(), 0) == 0) return {};
    }
    if (S_ISREG(status.st_mode)) return file(child, to, name, full);
    if (S_ISLNK(status.st_mode)) {
      if (symlinkat(child.link_target.c_str(), to, name.c_str()) != 0) return fail(trouble("make", full, errno));
    } else if (mknodat(to, name.c_str(), (status.st_mode & S_IFMT) | 0600, status.st_rdev) != 0) {
      if (errno == EPERM && !S_ISFIFO(status.st_mode)) return {};
      return fail(trouble("make", full, errno));
    }
    if (fchownat(to, name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(trouble("set the owner of", full, errno));
    if (!S_ISLNK(status.st_mode) && fchmodat(to, name.c_str(), status.st_mode & 07777U, 0) != 0)
      return fail(trouble("set the mode of", full, errno));
    const timespec times[] = {status.st_atim, status.st_mtim};
    if (utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(trouble("set the time of", full, errno));
    return {};
  }

  Result<void> file(const LowerDirectory::Child& child, int to, const std::string& name, const std::string& full) {
    const UniqueFd from(openat(child.folder_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!from) return fail(trouble("open", full, errno));
    const UniqueFd made(openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!made) return fail(trouble("make", full, errno));
    const bool shared = ::ioctl(made.get(), FICLONE, from.get()) == 0;
    while (!shared) {
      if (cancel_.cancelled()) return fail(cancelled_error());
      const ssize_t count = ::sendfile(made.get(), from.get(), nullptr, kMostAtOnce);
      if (count == 0) break;
      if (count < 0 && errno != EINTR) return fail(trouble("write", full, errno));
    }
    SCANGATE_TRY(const Xattrs attributes, layer_xattrs(from.get(), full));
    return dress(made.get(), child.status, attributes, full);
  }

  int root_fd_;
  Cancel cancel_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // first path of each file with several names
};

}  // namespace

Result<void> probe_plain(const fs::path& folder) {
  SCANGATE_CHECK(make_directories(folder, 0755));
  if (::mknod((folder / "whiteout").c_str(), S_IFCHR, 0) != 0)
    return fail(host_error("cannot make a whiteout", errno).remedy("use Linux 5.8 or later"));
  SCANGATE_TRY(const UniqueFd fd, open_file(folder, O_RDONLY | O_DIRECTORY));
  return set_opaque(fd.get(), SnapshotMode::plain, folder.string());
}

Result<void> fill_plain_root(const LowerDirectory& lower, const fs::path& folder, const Cancel& cancel) {
  if (lower.empty()) return {};
  SCANGATE_TRY(const UniqueFd fd, open_file(folder, O_RDONLY | O_DIRECTORY));
  struct stat status{};
  if (fstat(lower.fd(), &status) != 0) return fail(trouble("read", folder.string(), errno));
  return Filling(fd.get(), cancel).folder(lower, status, fd.get(), "", 0);
}

}  // namespace scangate
