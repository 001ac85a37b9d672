#pragma once
// The upper directory of an overlay as a layer. Documentation/filesystems/overlayfs.rst, "whiteouts and opaque
// directories"; OCI image-spec v1.1, layer.md. Private to this folder.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/lower_view.h"

namespace scangate {

// Walks an upper directory in the order of its bytes and writes what it changes against the lower layers. On the way
// the directory takes the form that unpacking the layer would have: whole seconds, clamped, without sockets.
class UpperDiff {
 public:
  UpperDiff(const LowerDirectory& lower, SnapshotMode mode, const LayerOptions& options, const Cancel& cancel)
      : lower_(lower), mode_(mode), options_(options), cancel_(cancel) {}
  // The number of entries written is in the writer's result.
  Result<void> write(int upper_fd, LayerWriter& writer);
  bool wrote_any() const { return wrote_any_; }

 private:
  // A directory on the way to where we are, which is written when the first change below it is.
  struct Pending {
    Entry entry;
    bool written = false;
  };

  Result<void> walk(int directory_fd, const std::string& path, const LowerDirectory* lower);
  Result<void> visit(int directory_fd, const std::string& path, const std::string& name, const struct stat& status,
                     const LowerDirectory* lower);
  Result<void> visit_directory(int directory_fd, const std::string& path, const std::string& name,
                               const struct stat& status, const LowerDirectory* lower);
  Result<void> visit_file(int directory_fd, const std::string& path, const std::string& name,
                          const struct stat& status);
  Result<void> visit_other(int directory_fd, const std::string& path, const std::string& name,
                           const struct stat& status);
  Result<void> write_whiteout(const std::string& path);
  Result<void> write_parents();
  Result<void> add(const Entry& entry, ByteSource* content);
  Result<bool> is_whiteout(int directory_fd, const std::string& name, const struct stat& status) const;
  Result<void> settle_times(int directory_fd, const std::string& name, const struct stat& status) const;
  Entry base_entry(const std::string& path, EntryType type, const struct stat& status) const;

  const LowerDirectory& lower_;
  SnapshotMode mode_;
  const LayerOptions& options_;
  Cancel cancel_;
  LayerWriter* writer_ = nullptr;
  bool wrote_any_ = false;
  std::vector<Pending> parents_;
  std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // first path of each file with several names
};

}  // namespace scangate
