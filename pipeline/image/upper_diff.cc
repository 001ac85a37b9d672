#include "pipeline/image/upper_diff.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/image/in_root.h"
#include "pipeline/image/overlay.h"
#include "pipeline/image/xattrs.h"

namespace scangate {
namespace {

// Deeper trees cannot be named by a path (PATH_MAX), so no layer could hold them.
constexpr std::size_t kMaxDepth = kMaxPathBytes / 2;

std::string below(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "/" + name;
}

// What overlayfs writes when features that we turn off are on: the files' content or place would be elsewhere.
Result<void> refuse_redirects(const Xattrs& attributes, SnapshotMode mode, const std::string& path) {
  for (const char* name : {"redirect", "metacopy"})
    if (attributes.contains(overlay_xattr(mode, name)))
      return fail(
          Error(Fault::host, fmt::format("'{}' was changed through an overlay with '{}' on", printable(path), name))
              .remedy("build again; nothing else may mount the store's folders"));
  return {};
}

Xattrs only_layer_xattrs(Xattrs attributes) {
  std::erase_if(attributes, [](const auto& item) { return !is_layer_xattr(item.first); });
  return attributes;
}

bool same_attributes(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid;
}
bool same_time(const struct stat& a, const struct stat& b) {
  return a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

Entry UpperDiff::base_entry(const std::string& path, EntryType type, const struct stat& status) const {
  return Entry{.path = path,
               .type = type,
               .mode = status.st_mode & 07777U,
               .uid = status.st_uid,
               .gid = status.st_gid,
               .mtime_seconds = status.st_mtim.tv_sec};
}

Result<void> UpperDiff::add(const Entry& entry, ByteSource* content) {
  wrote_any_ = true;
  return writer_->add(entry, content);
}

Result<void> UpperDiff::write_parents() {
  for (Pending& parent : parents_) {
    if (std::exchange(parent.written, true)) continue;
    SCANGATE_CHECK(add(parent.entry, nullptr));
  }
  return {};
}

Result<void> UpperDiff::write(int upper_fd, LayerWriter& writer) {
  writer_ = &writer;
  struct stat status{};
  if (fstat(upper_fd, &status) != 0) return fail(host_error("cannot read the upper folder", errno));
  // The root's time moves with every change below it; alone it is none, and it is put back to what unpacking gives.
  timespec root_time{};
  if (!lower_.empty()) {
    struct stat lower_status{};
    if (fstat(lower_.fd(), &lower_status) != 0) return fail(host_error("cannot read the lower folder", errno));
    root_time = lower_status.st_mtim;
    SCANGATE_TRY(const Xattrs ours, layer_xattrs(upper_fd, "the root"));
    SCANGATE_TRY(const Xattrs theirs, layer_xattrs(lower_.fd(), "the root"));
    if (!same_attributes(status, lower_status) || ours != theirs) {
      Entry entry = base_entry("", EntryType::directory, status);
      entry.mtime_seconds = root_time.tv_sec;
      entry.xattrs = ours;
      SCANGATE_CHECK(add(entry, nullptr));
    }
  }
  SCANGATE_CHECK(walk(upper_fd, "", &lower_));
  const timespec times[] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = root_time.tv_sec, .tv_nsec = 0}};
  if (futimens(upper_fd, times) != 0) return fail(host_error("cannot set the time of the upper folder", errno));
  return {};
}

Result<void> UpperDiff::walk(int directory_fd, const std::string& path, const LowerDirectory* lower) {
  if (parents_.size() > kMaxDepth) return fail(Fault::user, fmt::format("'{}' lies too deep", printable(path)));
  SCANGATE_TRY(std::vector<std::string> names, directory_names(directory_fd));
  std::vector<std::pair<std::string, struct stat>> rest;
  for (std::string& name : names) {
    struct stat status{};
    if (fstatat(directory_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(host_error("cannot read " + printable(below(path, name)), errno));
    // Whiteouts first: readers may apply them to what came before (layer.md, "Whiteouts").
    SCANGATE_TRY(const bool gone, is_whiteout(directory_fd, name, status));
    if (gone)
      SCANGATE_CHECK(write_whiteout(below(path, ".wh." + name)));
    else
      rest.emplace_back(std::move(name), status);
  }
  for (const auto& [name, status] : rest) {
    if (cancel_.cancelled()) return fail(cancelled_error());
    SCANGATE_CHECK(visit(directory_fd, path, name, status, lower));
  }
  return {};
}

// Since Linux 6.7 an overlay may also mark an empty file by an attribute, where it may not make the device.
Result<bool> UpperDiff::is_whiteout(int directory_fd, const std::string& name, const struct stat& status) const {
  if (is_whiteout_device(status)) return true;
  if (!S_ISREG(status.st_mode) || status.st_size != 0) return false;
  const UniqueFd fd(openat(directory_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd && fgetxattr(fd.get(), overlay_xattr(mode_, "whiteout").c_str(), nullptr, 0) >= 0;
}

Result<void> UpperDiff::write_whiteout(const std::string& path) {
  SCANGATE_CHECK(write_parents());
  // All attributes fixed: when a file was deleted is nothing a layer should depend on.
  return add(Entry{.path = path}, nullptr);
}

// Whole seconds and no later than the clamp, as in the layer.
Result<void> UpperDiff::settle_times(int directory_fd, const std::string& name, const struct stat& status) const {
  time_t seconds = status.st_mtim.tv_sec;
  if (options_.clamp_mtime)
    seconds = std::min(seconds, static_cast<time_t>(options_.clamp_mtime->time_since_epoch().count()));
  if (seconds == status.st_mtim.tv_sec && status.st_mtim.tv_nsec == 0) return {};
  const timespec times[] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = 0}};
  if (utimensat(directory_fd, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return fail(host_error("cannot set the time of " + printable(name), errno));
  return {};
}

Result<void> UpperDiff::visit(int directory_fd, const std::string& path, const std::string& name,
                              const struct stat& status, const LowerDirectory* lower) {
  const std::string full = below(path, name);
  if (name.starts_with(".wh."))
    return fail(Fault::user,
                fmt::format("'{}' cannot be kept in an image: names that begin with '.wh.' mark deleted files",
                            printable(full)));
  if (S_ISSOCK(status.st_mode)) {
    // Tar has no type for them, and they are dead without the process that made them.
    if (unlinkat(directory_fd, name.c_str(), 0) != 0)
      return fail(host_error("cannot remove " + printable(full), errno));
    return {};
  }
  if (S_ISDIR(status.st_mode)) return visit_directory(directory_fd, full, name, status, lower);
  SCANGATE_CHECK(write_parents());
  if (status.st_nlink > 1) {
    const auto [first, is_first] = linked_.try_emplace({status.st_dev, status.st_ino}, full);
    if (!is_first) {
      Entry entry = base_entry(full, EntryType::hardlink, status);
      entry.link_target = first->second;
      return add(entry, nullptr);
    }
  }
  if (S_ISREG(status.st_mode)) {
    SCANGATE_CHECK(visit_file(directory_fd, full, name, status));
  } else {
    SCANGATE_CHECK(visit_other(directory_fd, full, name, status));
  }
  return settle_times(directory_fd, name, status);
}

Result<void> UpperDiff::visit_directory(int directory_fd, const std::string& path, const std::string& name,
                                        const struct stat& status, const LowerDirectory* lower) {
  const UniqueFd fd(openat(directory_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail(host_error("cannot open " + printable(path), errno));
  std::optional<LowerDirectory::Child> under;
  if (lower != nullptr) {
    SCANGATE_TRY(under, lower->find(name));
  }
  const LowerDirectory* lower_directory = under && under->directory ? under->directory.get() : nullptr;
  SCANGATE_TRY(Xattrs attributes, read_xattrs(fd.get(), path));
  SCANGATE_CHECK(refuse_redirects(attributes, mode_, path));
  // Every directory that is new to the upper is opaque for the kernel; it matters only where one lies below.
  const auto mark = attributes.find(overlay_xattr(mode_, "opaque"));
  const bool hides_lower = lower_directory != nullptr && mark != attributes.end() && mark->second == "y";
  Pending pending{base_entry(path, EntryType::directory, status)};
  pending.entry.xattrs = only_layer_xattrs(std::move(attributes));
  bool unchanged = lower_directory != nullptr && !hides_lower && same_attributes(status, under->status) &&
                   same_time(status, under->status);
  if (unchanged) {
    SCANGATE_TRY(const Xattrs theirs, layer_xattrs(lower_directory->fd(), path));
    unchanged = theirs == pending.entry.xattrs;
  }
  parents_.push_back(std::move(pending));
  if (!unchanged) SCANGATE_CHECK(write_parents());
  if (hides_lower) SCANGATE_CHECK(add(Entry{.path = path + "/.wh..wh..opq"}, nullptr));
  SCANGATE_CHECK(walk(fd.get(), path, hides_lower ? nullptr : lower_directory));
  parents_.pop_back();
  return settle_times(directory_fd, name, status);
}

Result<void> UpperDiff::visit_file(int directory_fd, const std::string& path, const std::string& name,
                                   const struct stat& status) {
  UniqueFd fd(openat(directory_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return fail(host_error("cannot open " + printable(path), errno));
  Entry entry = base_entry(path, EntryType::file, status);
  SCANGATE_TRY(Xattrs attributes, read_xattrs(fd.get(), path));
  SCANGATE_CHECK(refuse_redirects(attributes, mode_, path));
  entry.xattrs = only_layer_xattrs(std::move(attributes));
  entry.size_bytes = static_cast<std::uint64_t>(status.st_size);
  FdSource content(std::move(fd), printable(path));
  return add(entry, entry.size_bytes == 0 ? nullptr : &content);
}

Result<void> UpperDiff::visit_other(int directory_fd, const std::string& path, const std::string& name,
                                    const struct stat& status) {
  Entry entry = base_entry(path, EntryType::fifo, status);
  if (S_ISLNK(status.st_mode)) {
    entry.type = EntryType::symlink;
    entry.link_target = read_link(directory_fd, name);
  } else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
    entry.type = S_ISCHR(status.st_mode) ? EntryType::character_device : EntryType::block_device;
    entry.device_major = major(status.st_rdev);
    entry.device_minor = minor(status.st_rdev);
  }
  return add(entry, nullptr);
}

}  // namespace scangate
