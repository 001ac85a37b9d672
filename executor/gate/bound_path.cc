#include "executor/gate/bound_path.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

namespace scangate {

Result<BoundPath> BoundPath::make(int fd, TempDir folder) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(host_error("cannot look at what is to be mounted", errno));
  std::filesystem::path path = folder.path() / "bound";
  if (S_ISDIR(status.st_mode)) {
    SCANGATE_CHECK(make_directories(path));
  } else {
    SCANGATE_TRY([[maybe_unused]] const UniqueFd file, open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  }
  const std::string source = fmt::format("/proc/self/fd/{}", fd);
  if (mount(source.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0)
    return fail(host_error("cannot mount a folder of the job", errno));
  return BoundPath(std::move(folder), std::move(path));
}

BoundPath::~BoundPath() {
  if (folder_.path().empty()) return;  // moved from
  // Still mounted, the folder must stay: removing it would empty the job's own. The store's next start sweeps it.
  if (umount2(path_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) static_cast<void>(folder_.release());
}

}  // namespace scangate
