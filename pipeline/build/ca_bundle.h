#pragma once
// The host's CA certificates for one RUN step.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "pipeline/build/source_tree.h"

namespace scangate::build {

// An image without certificates of its own gets the host's as an ordinary file for the time of a step, and loses it
// after, with the folders made for it (unless a package that the step installed owns them). Not a mount: installing the
// ca-certificates package renames a new bundle over the old one, and that fails with EBUSY on a mount point. When the
// step replaced the file, the step's stays. An image that has a bundle keeps it untouched.
class CaBundle {
 public:
  // `root` is the step's merged tree. A missing host bundle is fine: nothing is lent then.
  static Result<CaBundle> lend(const std::filesystem::path& root, const std::filesystem::path& host_bundle);
  // Takes it back; once.
  Result<void> take_back();

 private:
  struct Folder {
    std::string path;
    bool created = false;
    struct timespec accessed{}, modified{};
  };
  Result<bool> belongs_to_package(const std::string& folder) const;

  UniqueFd root_;
  std::vector<Folder> folders_;  // outermost first
  // Not its content: on a host like the image, the package's own bundle has the same bytes.
  std::optional<FileStamp> lent_;
};

}  // namespace scangate::build
