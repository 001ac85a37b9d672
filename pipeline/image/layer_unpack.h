#pragma once
// Entries of one layer into its own folder, in the form in which overlayfs takes it as a lower layer. OCI image-spec
// v1.1, layer.md, "Applying Changesets". Private to this folder.
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/fd.h"
#include "base/progress.h"
#include "pipeline/image/lower_view.h"
#include "scan/view/view.h"

namespace scangate {

// Every path resolves below the folder, symlinks of the layer included; nothing outside is touched whatever the entries
// say. Errors: Fault::user for entries that contradict each other, Fault::host for the disk and for owners that the
// user namespace does not map.
class LayerUnpacker final : public EntrySink {
 public:
  // `folder_fd`: the empty folder. `lower`: the layers below, whose directories the layer may write into without
  // listing them.
  LayerUnpacker(UniqueFd folder_fd, LowerDirectory lower, SnapshotMode mode, const Cancel& cancel, Progress& progress);

  Result<Want> begin_entry(const Entry& entry) override;
  Result<void> content(Bytes bytes) override;
  Result<void> end_entry() override;
  // Directory times, which writing into the directories has moved. Once, after the last entry.
  Result<void> finish();

 private:
  tl::unexpected<Error> wrong(std::string_view why) const;
  tl::unexpected<Error> failed(std::string_view what, int error_number) const;

  tl::unexpected<Error> owner_failed(std::uint32_t uid, std::uint32_t gid, int error_number) const;

  Result<void> copy_root_attributes();
  Result<void> hide_lower_root();
  Result<int> open_parent(const std::string& path);
  Result<UniqueFd> make_parents(const std::string& path);
  Result<UniqueFd> make_missing(int parent_fd, const std::string& name, const std::vector<std::string>& done,
                                const LowerDirectory::Child* below);
  Result<void> make_room(int parent_fd, const std::string& name);
  Result<void> whiteout(int parent_fd, const std::string& hidden);
  Result<void> make_opaque_entry();

  Result<void> put_file(int parent_fd, const std::string& name);
  Result<void> put_directory(int parent_fd, const std::string& name);
  Result<void> put_symlink(int parent_fd, const std::string& name);
  Result<void> put_hardlink(int parent_fd, const std::string& name);
  Result<void> put_node(int parent_fd, const std::string& name);
  Result<void> set_owner(int fd, std::uint32_t uid, std::uint32_t gid) const;
  Result<void> set_xattrs(int fd);

  UniqueFd root_;
  LowerDirectory lower_;
  SnapshotMode mode_;
  Cancel cancel_;
  Progress& progress_;
  bool told_devices_ = false;
  bool told_xattrs_ = false;
  bool hide_lower_root_ = false;

  Entry entry_;              // the current one
  UniqueFd file_;            // the current file, open for writing
  std::string parent_path_;  // what parent_fd_ is open on
  UniqueFd parent_fd_;
  std::vector<std::pair<std::string, std::int64_t>> directory_times_;
};

}  // namespace scangate
