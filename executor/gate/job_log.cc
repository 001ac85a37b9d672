#include "executor/gate/job_log.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <optional>
#include <tuple>

#include "base/file.h"

namespace scangate {
namespace {

using FileId = std::tuple<unsigned, unsigned, unsigned long long>;  // device and inode

// Both ends are the job's, and may be of a file system that it serves itself: one that never answers is not asked.
std::optional<FileId> file_id(int at, const char* path) {
  struct statx status{};
  if (statx(at, path, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status) != 0 ||
      (status.stx_mask & STATX_INO) == 0)
    return std::nullopt;
  return FileId{status.stx_dev_major, status.stx_dev_minor, status.stx_ino};
}

}  // namespace

bool is_job_log(int root, int stream) {
  const auto folder = open_in_root(root, "proc/1/fd", O_PATH | O_DIRECTORY);
  if (!folder) return false;
  // Anything else of that name could hold symlinks to files of the host.
  struct statfs system{};
  if (fstatfs(folder->get(), &system) != 0 || system.f_type != PROC_SUPER_MAGIC) return false;
  const auto said = file_id(stream, "");
  return said && (said == file_id(folder->get(), "2") || said == file_id(folder->get(), "1"));
}

}  // namespace scangate
