#include "pipeline/image/in_root.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "pipeline/image/layer.h"

namespace scangate {
namespace {

UniqueFd open_resolving(int root_fd, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  // EAGAIN: a rename raced with the walk. Nobody else works in our folders, so a few attempts are plenty.
  long fd = -1;
  for (int attempt = 0; attempt < 16; ++attempt) {
    fd = syscall(SYS_openat2, root_fd, name, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return UniqueFd(static_cast<int>(fd));
}

}  // namespace

UniqueFd open_following(int root_fd, const std::string& path, int flags) {
  return open_resolving(root_fd, path, flags, RESOLVE_IN_ROOT);
}
UniqueFd open_plain(int root_fd, const std::string& path, int flags) {
  return open_resolving(root_fd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

std::vector<std::string> path_components(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    if (!component.empty() && component != ".") out.emplace_back(component);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return out;
}

std::string join_components(const std::vector<std::string>& components) {
  std::string out;
  for (const std::string& component : components)
    out += (out.empty() ? "" : "/") + component;
  return out;
}

std::string read_link(int directory_fd, const std::string& name) {
  std::string target(kMaxPathBytes, '\0');
  const ssize_t size = readlinkat(directory_fd, name.c_str(), target.data(), target.size());
  target.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return target;
}

Result<std::vector<std::string>> directory_names(int directory_fd) {
  // A descriptor of its own: reading moves a position that a duplicate would share.
  const int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(host_error("cannot open a folder of the store", errno));
  const std::unique_ptr<DIR, decltype([](DIR* handle) { closedir(handle); })> directory(fdopendir(fd));
  if (!directory) {
    ::close(fd);
    return fail(host_error("cannot read a folder of the store", errno));
  }
  std::vector<std::string> out;
  errno = 0;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
  }
  if (errno != 0) return fail(host_error("cannot read a folder of the store", errno));
  std::sort(out.begin(), out.end());
  return out;
}

Error file_error(std::string_view what, int error_number) {
  if (error_number == ENOSPC || error_number == EDQUOT)
    return Error(Fault::host, fmt::format("{}: the disk of the store is full", what))
        .remedy("free space, or run 'scangate image prune'");
  if (error_number == ENAMETOOLONG) return {Fault::user, fmt::format("{}: the name is too long", what)};
  return host_error(what, error_number);
}

}  // namespace scangate
