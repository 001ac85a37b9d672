#include "pipeline/image/lower_view.h"

#include <fcntl.h>

#include <cerrno>
#include <set>

#include "base/file.h"
#include "pipeline/image/in_root.h"
#include "pipeline/image/overlay.h"

namespace scangate {

Result<LowerDirectory> LowerDirectory::open(const std::vector<std::filesystem::path>& folders, SnapshotMode mode) {
  LowerDirectory out(mode);
  for (const std::filesystem::path& folder : folders) {
    SCANGATE_TRY(UniqueFd fd, open_file(folder, O_RDONLY | O_DIRECTORY));
    out.layers_.push_back(std::move(fd));
  }
  return out;
}

Result<std::optional<LowerDirectory::Child>> LowerDirectory::find(const std::string& name) const {
  Child child;
  std::unique_ptr<LowerDirectory> merged(new LowerDirectory(mode_));
  for (const UniqueFd& layer : layers_) {
    struct stat status{};
    if (fstatat(layer.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return fail(host_error("cannot read a snapshot's " + name, errno));
    }
    if (is_whiteout_device(status)) break;
    if (!S_ISDIR(status.st_mode)) {
      if (!merged->empty()) break;  // a directory above hides it
      child.status = status;
      child.folder_fd = layer.get();
      if (S_ISLNK(status.st_mode)) child.link_target = read_link(layer.get(), name);
      return child;
    }
    UniqueFd fd(openat(layer.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return fail(host_error("cannot open a snapshot's " + name, errno));
    if (merged->empty()) child.status = status;
    const bool last = is_opaque(fd.get(), mode_);
    merged->layers_.push_back(std::move(fd));
    if (last) break;
  }
  if (merged->empty()) return std::nullopt;
  child.directory = std::move(merged);
  return child;
}

Result<std::optional<LowerDirectory::Child>> LowerDirectory::find_path(
    const std::vector<std::string>& components) const {
  std::optional<Child> child;
  const LowerDirectory* directory = this;
  for (const std::string& component : components) {
    if (directory == nullptr) return std::nullopt;
    SCANGATE_TRY(std::optional<Child> next, directory->find(component));
    if (!next) return std::nullopt;
    child = std::move(next);
    directory = child->directory.get();
  }
  return child;
}

Result<std::vector<std::string>> LowerDirectory::names() const {
  std::set<std::string> all;
  for (const UniqueFd& layer : layers_) {
    SCANGATE_TRY(const std::vector<std::string> some, directory_names(layer.get()));
    all.insert(some.begin(), some.end());
  }
  return std::vector<std::string>(all.begin(), all.end());
}

}  // namespace scangate
