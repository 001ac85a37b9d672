#include "executor/gate/container_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string_view>

#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBlockBytes = 1U << 20U;
constexpr std::size_t kMaxLinkBytes = 4096;

using Folder = std::unique_ptr<DIR, decltype([](DIR* handle) { closedir(handle); })>;

class Copier {
 public:
  Copier(CopiedOwners owners, const Cancel& cancel) : owners_(owners), cancel_(cancel) {}

  // `name` of the folder `from` as `new_name` of the folder `to`. `shown` is for messages.
  Result<void> entry(int from, const std::string& name, int to, const std::string& new_name, const std::string& shown,
                     int depth) {
    if (cancel_.cancelled()) return fail(cancelled_error());
    if (++entries_ > kMaxCopiedEntries)
      return fail(Fault::user, fmt::format("{}: more than {} files", printable(shown), kMaxCopiedEntries));
    if (depth > kMaxCopiedDepth)
      return fail(Fault::user, fmt::format("{}: more than {} folders deep", printable(shown), kMaxCopiedDepth));
    struct stat status{};
    if (fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(host_error("cannot read " + printable(shown), errno));
    if (S_ISLNK(status.st_mode)) return link(from, name, to, new_name, status, shown);
    if (S_ISREG(status.st_mode)) return file(from, name, to, new_name, status, shown);
    if (!S_ISDIR(status.st_mode)) return {};
    const UniqueFd source(openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!source) return fail(host_error("cannot read " + printable(shown), errno));
    if (mkdirat(to, new_name.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(host_error("cannot make the folder " + printable(new_name), errno));
    const UniqueFd target(openat(to, new_name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!target) return fail(host_error("cannot write to " + printable(new_name), errno));
    SCANGATE_CHECK(content(source.get(), target.get(), shown, depth + 1));
    return finish(target.get(), status, shown);
  }

  Result<void> content(int from, int to, const std::string& shown, int depth) {
    const int again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const Folder folder(again < 0 ? nullptr : fdopendir(again));
    if (!folder) return fail(host_error("cannot read " + printable(shown), errno));
    for (;;) {
      errno = 0;
      const dirent* found = readdir(folder.get());
      if (found == nullptr) break;
      const std::string name = found->d_name;
      if (name != "." && name != "..") SCANGATE_CHECK(entry(from, name, to, name, shown + "/" + name, depth));
    }
    if (errno != 0) return fail(host_error("cannot read " + printable(shown), errno));
    return {};
  }

 private:
  Result<void> link(int from, const std::string& name, int to, const std::string& new_name, const struct stat& status,
                    const std::string& shown) {
    std::string target(kMaxLinkBytes, '\0');
    const ssize_t count = readlinkat(from, name.c_str(), target.data(), target.size());
    if (count < 0) return fail(host_error("cannot read " + printable(shown), errno));
    target.resize(static_cast<std::size_t>(count));
    SCANGATE_CHECK(make_room(to, new_name));
    if (symlinkat(target.c_str(), to, new_name.c_str()) != 0)
      return fail(host_error("cannot make the link " + printable(new_name), errno));
    if (owners_ == CopiedOwners::kept)
      static_cast<void>(!fchownat(to, new_name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW));
    return {};
  }

  Result<void> file(int from, const std::string& name, int to, const std::string& new_name, const struct stat& status,
                    const std::string& shown) {
    // What it is may have changed since it was looked at: a pipe must not be waited for.
    UniqueFd source(openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!source) return fail(host_error("cannot read " + printable(shown), errno));
    SCANGATE_CHECK(make_room(to, new_name));
    const UniqueFd target(openat(to, new_name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!target) return fail(host_error("cannot write " + printable(new_name), errno));
    FdSource reader(std::move(source), shown);
    std::vector<std::byte> block(kBlockBytes);
    for (;;) {
      if (cancel_.cancelled()) return fail(cancelled_error());
      SCANGATE_TRY(const std::size_t count, reader.read(block));
      if (count == 0) break;
      SCANGATE_CHECK(write_fd(target.get(), Bytes(block).first(count), new_name));
    }
    return finish(target.get(), status, shown);
  }

  // A file that is there is replaced, not written through: it may be a link, or one of several names.
  static Result<void> make_room(int to, const std::string& name) {
    if (unlinkat(to, name.c_str(), 0) != 0 && errno != ENOENT)
      return fail(errno == EISDIR ? Error(Fault::user, fmt::format("cannot overwrite the folder {}", printable(name)))
                                  : host_error("cannot replace " + printable(name), errno));
    return {};
  }

  Result<void> finish(int target, const struct stat& status, const std::string& shown) const {
    if (owners_ == CopiedOwners::kept && fchown(target, status.st_uid, status.st_gid) != 0)
      return fail(host_error("cannot give away the copy of " + printable(shown), errno));
    const mode_t mode = status.st_mode & (owners_ == CopiedOwners::kept ? 07777 : 0777);
    if (fchmod(target, mode) != 0) return fail(host_error("cannot set the mode of " + printable(shown), errno));
    const std::array<timespec, 2> times{status.st_atim, status.st_mtim};
    futimens(target, times.data());
    return {};
  }

  CopiedOwners owners_;
  const Cancel& cancel_;
  std::size_t entries_ = 0;
};

bool is_folder(int fd) {
  struct stat status{};
  return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace

Result<void> copy_content(int from_root, const std::string& from, int to_root, const std::string& to,
                          CopiedOwners owners, const Cancel& cancel) {
  const auto source = open_in_root(from_root, from, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  if (!source) return {};
  SCANGATE_TRY(const UniqueFd target, open_in_root(to_root, to, O_RDONLY | O_DIRECTORY));
  Copier copier(owners, cancel);
  SCANGATE_CHECK(copier.content(source->get(), target.get(), from, 0));
  if (owners != CopiedOwners::kept) return {};
  struct stat status{};
  if (fstat(source->get(), &status) == 0 &&
      (fchown(target.get(), status.st_uid, status.st_gid) != 0 || fchmod(target.get(), status.st_mode & 07777) != 0))
    return fail(host_error("cannot give away " + printable(to), errno));
  return {};
}

Result<void> copy_path(int from_root, const std::string& from, int to_root, const std::string& to, CopiedOwners owners,
                       const Cancel& cancel) {
  const bool only_content = from.ends_with("/.") || from == ".";
  // From the root on, so that no ".." is left: the last part of a path is looked up without open_in_root().
  fs::path source_path = (fs::path("/") / from).lexically_normal();
  if (!source_path.has_filename() && source_path.has_relative_path()) source_path = source_path.parent_path();
  const std::string parent_path = source_path.has_parent_path() ? source_path.parent_path().string() : "/";
  const std::string source_name = source_path.filename().string();
  const auto no_such = [](const std::string& path) {
    return Error(Fault::user, fmt::format("Could not find the file {}", printable(path)));
  };
  Copier copier(owners, cancel);
  const auto source_folder = open_in_root(from_root, source_path.string(), O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  const auto target = open_in_root(to_root, to, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  if (source_folder && target && (only_content || source_name.empty() || source_name == "/"))
    return copier.content(source_folder->get(), target->get(), from, 0);
  const auto parent = open_in_root(from_root, parent_path, O_RDONLY | O_DIRECTORY);
  if (!parent) return fail(no_such(from));
  struct stat status{};
  if (source_name.empty() || fstatat(parent->get(), source_name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return fail(no_such(from));
  if (target && is_folder(target->get()))
    return copier.entry(parent->get(), source_name, target->get(), source_name, from, 0);
  // It is to become what `to` names.
  if (to.ends_with('/') && !S_ISDIR(status.st_mode)) return fail(no_such(to));
  fs::path target_path = (fs::path("/") / to).lexically_normal();
  if (!target_path.has_filename()) target_path = target_path.parent_path();
  const auto above = open_in_root(to_root, target_path.has_parent_path() ? target_path.parent_path().string() : "/",
                                  O_RDONLY | O_DIRECTORY);
  if (!above || target_path.filename().empty()) return fail(no_such(to));
  return copier.entry(parent->get(), source_name, above->get(), target_path.filename().string(), from, 0);
}

}  // namespace scangate
