#pragma once
// A directory as the lower layers together show it, read from their folders without a mount. Private to this folder.
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "pipeline/image/snapshot.h"

namespace scangate {

class LowerDirectory {
 public:
  struct Child;
  // `folders`: topmost first; none is an empty view.
  static Result<LowerDirectory> open(const std::vector<std::filesystem::path>& folders, SnapshotMode mode);

  // What stands under `name`; nullopt when nothing does or a layer deleted it.
  Result<std::optional<Child>> find(const std::string& name) const;
  // The same for a path below; symlinks are not followed.
  Result<std::optional<Child>> find_path(const std::vector<std::string>& components) const;

  // Every name that some layer has here, also those that another one deletes.
  Result<std::vector<std::string>> names() const;

  bool empty() const { return layers_.empty(); }
  // The topmost layer's directory, whose mode, owner and times count.
  int fd() const { return layers_.front().get(); }

 private:
  explicit LowerDirectory(SnapshotMode mode) : mode_(mode) {}
  SnapshotMode mode_;
  std::vector<UniqueFd> layers_;  // topmost first
};

struct LowerDirectory::Child {
  struct stat status{};
  std::string link_target;                    // of a symlink
  int folder_fd = -1;                         // of anything but a directory: the layer's folder, which the view holds
  std::unique_ptr<LowerDirectory> directory;  // of a directory
};

}  // namespace scangate
