#pragma once
// Files and folders that must exist so that something can be mounted on them, and their disappearance. Private to this
// folder.
#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "pipeline/image/snapshot.h"

namespace scangate {

class MountPoints {
 public:
  // `root_fd` outlives it, or release() was called.
  explicit MountPoints(int root_fd) : root_fd_(root_fd) {}
  // As Workspace::add_mount_point.
  Result<void> add(const std::string& path, Workspace::PointKind kind);
  // Removes what add() made, when it is still empty, and gives the folders around their times back, unless someone else
  // has changed them meanwhile.
  Result<void> undo();

 private:
  struct Made {
    std::string path;    // below the root, no symlink in it
    std::string parent;  // of the first thing made, whose times changed
    Workspace::PointKind kind = Workspace::PointKind::directory;
    timespec before{};
    timespec after{};
  };
  struct Place {
    std::vector<std::string> existing;
    std::vector<std::string> missing;
    bool is_directory = true;  // of what exists
  };
  Result<Place> resolve(const std::string& path) const;
  Result<void> make(const std::string& parent, const std::string& name, Workspace::PointKind kind);
  Result<void> remove(const Made& made);

  int root_fd_;
  std::vector<Made> made_;
};

}  // namespace scangate
