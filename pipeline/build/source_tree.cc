#include "pipeline/build/source_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/file.h"
#include "base/text.h"

namespace scangate::build {
namespace {

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

FileStamp stamp_of(const struct stat& info) {
  return {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size), nanoseconds(info.st_mtim),
          nanoseconds(info.st_ctim)};
}

Result<SourceTree> SourceTree::open(const std::filesystem::path& folder, std::string what,
                                    dockerfile::IgnoreRules rules) {
  SCANGATE_TRY(auto root, scangate::open_file(folder, O_RDONLY | O_DIRECTORY));
  return SourceTree(std::move(root), std::move(what), std::move(rules));
}

Error SourceTree::trouble(std::string_view doing, std::string_view path, int error_number) const {
  return host_error(fmt::format("cannot {} '{}' in {}", doing, printable(path), what_), error_number);
}

Result<TreeItem> SourceTree::from_stat(int folder_fd, const std::string& name, std::string path,
                                       const struct stat& info) const {
  TreeItem item;
  item.path = std::move(path);
  item.stamp = stamp_of(info);
  item.links = info.st_nlink;
  item.node.mode = info.st_mode & 07777U;
  item.node.uid = info.st_uid;
  item.node.gid = info.st_gid;
  item.node.mtime_seconds = info.st_mtim.tv_sec;
  switch (info.st_mode & S_IFMT) {
    case S_IFREG:
      item.node.type = EntryType::file;
      break;
    case S_IFDIR:
      item.node.type = EntryType::directory;
      break;
    case S_IFLNK: {
      item.node.type = EntryType::symlink;
      std::string target(PATH_MAX, '\0');
      const ssize_t length = ::readlinkat(folder_fd, name.c_str(), target.data(), target.size());
      if (length < 0) return fail(trouble("read the link", item.path, errno));
      target.resize(static_cast<std::size_t>(length));
      item.node.link_target = std::move(target);
      break;
    }
    case S_IFIFO:
      item.node.type = EntryType::fifo;
      break;
    case S_IFCHR:
    case S_IFBLK:
      item.node.type = S_ISCHR(info.st_mode) ? EntryType::character_device : EntryType::block_device;
      item.device_major = major(info.st_rdev);
      item.device_minor = minor(info.st_rdev);
      break;
    default:
      item.is_socket = true;
  }
  return item;
}

Result<std::optional<TreeItem>> SourceTree::item(const std::string& path) {
  if (path.empty()) {
    struct stat info{};
    if (::fstat(root_.get(), &info) != 0) return fail(trouble("look at", ".", errno));
    SCANGATE_TRY(auto item, from_stat(root_.get(), "", "", info));
    return item;
  }
  if (path.size() >= PATH_MAX) return std::nullopt;
  auto folder = open_in_root(root_.get(), "./" + std::string(parent_path(path)), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) {
    // Whatever stands in the way of the parent, there is nothing at this path; EACCES and the like show up in list().
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG) return std::nullopt;
    return fail(std::move(folder).error());
  }
  const std::string name(base_name(path));
  struct stat info{};
  if (::fstatat(folder->get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG) return std::nullopt;
    return fail(trouble("look at", path, errno));
  }
  SCANGATE_TRY(auto item, from_stat(folder->get(), name, path, info));
  return item;
}

Result<std::optional<PathNode>> SourceTree::node(const std::string& path) {
  SCANGATE_TRY(auto found, item(path));
  if (!found) return std::nullopt;
  return std::move(found->node);
}

Result<std::vector<TreeItem>> SourceTree::list(const std::string& path) {
  SCANGATE_TRY(auto folder, open_in_root(root_.get(), "./" + path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const int fd = folder.get();
  std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd));
  if (!dir) return fail(trouble("read the folder", path, errno));
  static_cast<void>(folder.release());
  std::vector<TreeItem> items;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) {
      if (errno != 0) return fail(trouble("read the folder", path, errno));
      break;
    }
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info{};
    if (::fstatat(fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // gone since the folder was read
      return fail(trouble("look at", join_path(path, name), errno));
    }
    SCANGATE_TRY(auto item, from_stat(fd, name, join_path(path, name), info));
    items.push_back(std::move(item));
  }
  std::ranges::sort(items, {}, &TreeItem::path);
  return items;
}

Result<UniqueFd> SourceTree::open_file(const TreeItem& item) {
  // O_NONBLOCK: a fifo put in the file's place must not hang us.
  SCANGATE_TRY(auto fd, open_in_root(root_.get(), "./" + item.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail(trouble("look at", item.path, errno));
  if (!S_ISREG(info.st_mode) || stamp_of(info) != item.stamp)
    return fail(Fault::user, fmt::format("'{}' in {} changed while it was read", printable(item.path), what_));
  return fd;
}

Result<std::string> SourceTree::capability(const TreeItem& item) {
  SCANGATE_TRY(auto fd, open_file(item));
  std::string value(256, '\0');  // struct vfs_ns_cap_data has 24 bytes
  const ssize_t length = ::fgetxattr(fd.get(), "security.capability", value.data(), value.size());
  if (length < 0) return std::string();
  value.resize(static_cast<std::size_t>(length));
  return value;
}

Result<std::string> SourceTree::read_text(const std::string& path, std::size_t cap_bytes) {
  SCANGATE_TRY(auto fd, open_in_root(root_.get(), "./" + path, O_RDONLY | O_NONBLOCK));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail(trouble("look at", path, errno));
  if (!S_ISREG(info.st_mode)) return fail(Fault::user, fmt::format("'{}' in {} is not a file", printable(path), what_));
  return read_fd(fd.get(), cap_bytes, path);
}

std::string SourceTree::identity() const {
  struct stat info{};
  if (::fstat(root_.get(), &info) != 0) return "unknown";
  return fmt::format("{}:{}", info.st_dev, info.st_ino);
}

}  // namespace scangate::build
