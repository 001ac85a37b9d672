#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdlib>

namespace scangate {
namespace fs = std::filesystem;

namespace {

// Depth of directories remove_tree descends to: PATH_MAX / 2 rounded up; deeper trees cannot be made by path.
constexpr int kMaxTreeDepth = 4096;

class Directory {
 public:
  explicit Directory(int fd) : dir_(fdopendir(fd)), fd_(fd) {}
  ~Directory() {
    if (dir_ != nullptr)
      closedir(dir_);
    else
      ::close(fd_);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  DIR* get() const { return dir_; }
  int fd() const { return fd_; }

 private:
  DIR* dir_;
  int fd_;
};

void keep_first(Result<void>& first, Error error) {
  if (first) first = fail(std::move(error));
}

void remove_entry(int parent, const std::string& name, const std::string& shown, int depth, Result<void>& first) {
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM && errno != ENOTEMPTY)
    return keep_first(first, host_error("cannot remove " + shown, errno));
  if (depth > kMaxTreeDepth)
    return keep_first(first, Error(Fault::host, "cannot remove " + shown + ": directories are nested too deep"));
  // Best effort: a read-only directory of a build step.
  [[maybe_unused]] const int changed = fchmodat(parent, name.c_str(), 0700, 0);
  const int fd = openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return keep_first(first, host_error("cannot remove " + shown, errno));
  {
    const Directory directory(fd);
    if (directory.get() == nullptr) return keep_first(first, host_error("cannot read " + shown, errno));
    while (const dirent* entry = readdir(directory.get())) {
      const std::string child = entry->d_name;
      if (child != "." && child != "..") remove_entry(directory.fd(), child, shown + "/" + child, depth + 1, first);
    }
  }
  if (unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    keep_first(first, host_error("cannot remove " + shown, errno));
}

}  // namespace

Result<UniqueFd> open_file(const fs::path& path, int flags, mode_t mode) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return fail(host_error(fmt::format("cannot open {}", path.string()), errno));
  return UniqueFd(fd);
}

Result<std::string> read_fd(int fd, std::size_t cap_bytes, std::string_view name) {
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(host_error(fmt::format("cannot read {}", name), errno));
    if (count == 0) return out;
    if (static_cast<std::size_t>(count) > cap_bytes - out.size())
      return fail(Fault::user, fmt::format("{} is larger than the allowed {} bytes", name, cap_bytes));
    out.append(buffer, static_cast<std::size_t>(count));
  }
}

Result<std::string> read_file(const fs::path& path, std::size_t cap_bytes) {
  SCANGATE_TRY(const UniqueFd fd, open_file(path, O_RDONLY));
  return read_fd(fd.get(), cap_bytes, path.string());
}

Result<void> write_fd(int fd, Bytes bytes, std::string_view name) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(host_error(fmt::format("cannot write {}", name), errno));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> write_file_atomic(const fs::path& path, Bytes bytes, mode_t mode, Sync sync) {
  std::string temporary = (path.parent_path() / ("." + path.filename().string() + ".XXXXXX")).string();
  const UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fail(host_error("cannot create " + temporary, errno));
  const auto give_up = [&](Error error) -> Result<void> {
    ::unlink(temporary.c_str());
    return fail(std::move(error));
  };
  if (auto written = write_fd(fd.get(), bytes, temporary); !written) return give_up(std::move(written).error());
  if (fchmod(fd.get(), mode) != 0) return give_up(host_error("cannot set the mode of " + temporary, errno));
  if (sync == Sync::file_and_folder && fsync(fd.get()) != 0)
    return give_up(host_error("cannot sync " + temporary, errno));
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return give_up(host_error("cannot replace " + path.string(), errno));
  if (sync == Sync::file_and_folder) {
    SCANGATE_TRY(const UniqueFd folder,
                 open_file(path.parent_path().empty() ? fs::path(".") : path.parent_path(), O_RDONLY | O_DIRECTORY));
    if (fsync(folder.get()) != 0) return fail(host_error("cannot sync " + path.parent_path().string(), errno));
  }
  return {};
}

Result<void> make_directories(const fs::path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path)
    return fail(host_error("cannot create folder " + path.string(), errno));
  SCANGATE_CHECK(make_directories(path.parent_path(), mode));
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  return fail(host_error("cannot create folder " + path.string(), errno));
}

Result<void> remove_tree(const fs::path& path) {
  Result<void> first;
  remove_entry(AT_FDCWD, path.string(), path.string(), 0, first);
  return first;
}

Result<TempDir> TempDir::make(const fs::path& parent, std::string_view prefix) {
  std::string name = (parent / (std::string(prefix) + "XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr)
    return fail(host_error("cannot create a temporary folder in " + parent.string(), errno));
  return TempDir(fs::path(name));
}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  // Nothing can be told from a destructor; a left-over folder is found again by the owner's repair.
  if (!path_.empty()) static_cast<void>(remove_tree(path_));
}

Result<UniqueFd> open_in_root(int root_fd, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // The kernel answers EAGAIN when a rename raced with the walk; a hostile job could keep that up, hence the cap.
  for (int attempt = 0; attempt < 64; ++attempt) {
    const long fd = syscall(SYS_openat2, root_fd, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return fail(host_error("cannot open " + path, errno));
}

Result<std::size_t> FdSource::read(std::span<std::byte> buffer) {
  for (;;) {
    const ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return fail(host_error("cannot read " + name_, errno));
  }
}

}  // namespace scangate
