#include "pipeline/image/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/file.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

// The holder before us may have removed the file while we waited: then our lock is on a name that nobody else sees.
bool still_named(int fd, const fs::path& path) {
  struct stat ours{};
  struct stat named{};
  return fstat(fd, &ours) == 0 && stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

}  // namespace

Result<LockFile> LockFile::acquire(const fs::path& path, const Cancel& cancel) {
  for (;;) {
    SCANGATE_TRY(UniqueFd fd, open_file(path, O_RDWR | O_CREAT, 0600));
    // Polling instead of blocking, so that cancel() is seen; the wait is for another process's unpacking.
    while (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return fail(host_error("cannot lock " + path.string(), errno));
      if (cancel.cancelled()) return fail(cancelled_error());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (still_named(fd.get(), path)) return LockFile(std::move(fd), path);
  }
}

Result<std::optional<LockFile>> LockFile::try_existing(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    return fail(host_error("cannot open " + path.string(), errno));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
    return fail(host_error("cannot lock " + path.string(), errno));
  }
  if (!still_named(fd.get(), path)) return std::nullopt;
  return LockFile(std::move(fd), path);
}

Result<LockFile> LockFile::make(const fs::path& folder, std::string_view prefix) {
  for (;;) {
    std::string name = (folder / (std::string(prefix) + "XXXXXX")).string();
    UniqueFd fd(mkostemp(name.data(), O_CLOEXEC));
    if (!fd) return fail(host_error("cannot create a file in " + folder.string(), errno));
    // Between its creation and its lock someone's repair may have taken it for a left-over.
    if (flock(fd.get(), LOCK_EX) != 0) return fail(host_error("cannot lock " + name, errno));
    if (still_named(fd.get(), name)) return LockFile(std::move(fd), name);
  }
}

void LockFile::remove() {
  if (fd_) ::unlink(path_.c_str());
  fd_.reset();
}

}  // namespace scangate
