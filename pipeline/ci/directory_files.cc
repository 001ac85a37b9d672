#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"
#include "pipeline/ci/config_files.h"

namespace scangate::ci {
namespace {

// Folders nested deeper are not walked: PATH_MAX bounds what a name can reach, recursion here needs a bound too.
constexpr int kMaxFolderDepth = 200;

class DirectoryFiles final : public ConfigFiles {
 public:
  explicit DirectoryFiles(UniqueFd root) : root_(std::move(root)) {}

  Result<std::optional<std::string>> read(std::string_view path) override {
    const std::string name(path);
    struct ::stat status = {};
    // Asked before opening, so that a fifo does not block us; O_NONBLOCK covers the swap in between.
    auto fd = open_in_root(root_.get(), name, O_RDONLY | O_NONBLOCK);
    if (!fd) {
      if (::fstatat(root_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
        return fail(std::move(fd).error());
      return std::nullopt;
    }
    if (::fstat(fd->get(), &status) != 0) return fail(host_error("cannot look at " + name, errno));
    if (!S_ISREG(status.st_mode)) return std::nullopt;
    SCANGATE_TRY(std::string text, read_fd(fd->get(), kMaxConfigFileBytes, name));
    return text;
  }

  Result<std::vector<std::string>> list() override {
    std::vector<std::string> paths;
    SCANGATE_CHECK(walk(root_.get(), "", 0, paths));
    std::sort(paths.begin(), paths.end());
    return paths;
  }

 private:
  struct CloseDir {
    void operator()(DIR* dir) const noexcept { ::closedir(dir); }
  };

  static Result<void> walk(int parent, const std::string& prefix, int depth, std::vector<std::string>& paths) {
    const int fd = ::openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(host_error("cannot list " + (prefix.empty() ? "the folder" : prefix), errno));
    const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd));
    if (!dir) {
      ::close(fd);
      return fail(host_error("cannot list " + prefix, errno));
    }
    while (const dirent* entry = ::readdir(dir.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == ".." || name == ".git") continue;
      struct ::stat status = {};
      if (::fstatat(::dirfd(dir.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // just removed
      if (S_ISDIR(status.st_mode)) {
        if (depth == kMaxFolderDepth) continue;
        const UniqueFd child(
            ::openat(::dirfd(dir.get()), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        // A folder we may not read has no files for us.
        if (!child) continue;
        SCANGATE_CHECK(walk(child.get(), prefix + name + "/", depth + 1, paths));
      } else if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
        if (paths.size() == kMaxListedFiles)
          return fail(Fault::user, fmt::format("the folder has more than {} files", kMaxListedFiles));
        paths.push_back(prefix + name);
      }
    }
    return {};
  }

  UniqueFd root_;
};

}  // namespace

Result<std::unique_ptr<ConfigFiles>> files_of_directory(const std::filesystem::path& root) {
  SCANGATE_TRY(UniqueFd fd, open_file(root, O_RDONLY | O_DIRECTORY));
  return std::unique_ptr<ConfigFiles>(std::make_unique<DirectoryFiles>(std::move(fd)));
}

}  // namespace scangate::ci
