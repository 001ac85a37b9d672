#pragma once
// System calls below a root directory, with errno kept for those who decide by it. Private to this folder.
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace scangate {

// Most symlinks on one path: what the kernel itself follows (MAXSYMLINKS).
inline constexpr int kMaxSymlinks = 40;

// openat2 with RESOLVE_IN_ROOT: symlinks resolve as if `root_fd` were "/". "" is the root itself. An empty UniqueFd
// leaves errno.
UniqueFd open_following(int root_fd, const std::string& path, int flags);
// openat2 with RESOLVE_BENEATH and no symlink anywhere.
UniqueFd open_plain(int root_fd, const std::string& path, int flags);

std::vector<std::string> path_components(std::string_view path);  // without empty and "." ones
std::string join_components(const std::vector<std::string>& components);

// The target of a symlink; empty when it is none.
std::string read_link(int directory_fd, const std::string& name);

// The names in an open directory, sorted by bytes.
Result<std::vector<std::string>> directory_names(int directory_fd);

// Overlayfs's sign for a deleted name: a character device 0:0.
inline bool is_whiteout_device(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

// The error for a failed call on the store's disk: a full disk and a bad name are told apart from the rest.
Error file_error(std::string_view what, int error_number);

}  // namespace scangate
