#pragma once
// The second half of COPY and ADD: where the selected files go, as entries of one layer.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/build/accounts.h"
#include "pipeline/build/copy_select.h"
#include "pipeline/build/destination.h"
#include "pipeline/build/file_mode.h"

namespace scangate::build {

struct CopyRules {
  std::string destination;         // expanded, as written
  std::string working_directory;   // absolute
  bool into_folder = false;        // --parents: the destination is a folder, however it is written
  std::optional<Owner> owner;      // --chown
  bool keep_owners = false;        // --from: the source's, unless `owner` is given; else 0:0
  std::optional<ModeChange> mode;  // --chmod
  std::int64_t now_seconds = 0;    // time of folders that are created on the way
};

struct PlacedEntry {
  Entry entry;
  std::optional<TreeItem> file;     // content comes from here
  SourceTree* tree = nullptr;       // that `file` is in
  std::optional<std::string> text;  // or is this
};

struct PlacedArchive {
  TreeItem file;
  SourceTree* tree = nullptr;  // that it is in
  std::string folder;          // where it is unpacked, in the root
};

// Entries by path: parents come before what is below them.
class CopyPlan {
 public:
  // `view`: what is there already; outlives the plan.
  CopyPlan(PathLookup& view, CopyRules rules) : view_(view), rules_(std::move(rules)) {}

  // Resolves the destination. Errors: Fault::user without place.
  Result<void> begin();
  Result<void> add(const SelectedSource& source);
  // ADD of an archive: its files go below the destination folder.
  Result<void> add_archive(const SelectedSource& source);
  // Makes `folder` a directory of the layer with all above it: as it is in the image, or new.
  Result<void> ensure_folder(const std::string& folder);

  const std::map<std::string, PlacedEntry>& entries() const { return entries_; }
  const std::vector<PlacedArchive>& archives() const { return archives_; }
  const CopyRules& rules() const { return rules_; }
  bool target_is_folder() const { return target_is_folder_; }

 private:
  Result<void> ensure_folder(const std::string& folder, std::uint32_t new_mode);
  Result<std::optional<PathNode>> existing(const std::string& path);
  Result<void> put(std::string path, const TreeItem& item, SourceTree* tree);
  Owner owner_of(const PathNode& node) const;

  PathLookup& view_;
  CopyRules rules_;
  std::string target_;  // resolved, in the root
  bool target_is_folder_ = false;
  std::map<std::string, PlacedEntry> entries_;
  std::vector<PlacedArchive> archives_;
  std::set<std::string, std::less<>> new_folders_;  // not in the image before: nothing below can be
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> linked_;  // files with several names, by inode
};

}  // namespace scangate::build
