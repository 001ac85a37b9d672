#pragma once
// What one file of a layer tells about packages, and the state of a layer that is made of such records.
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scan/inventory/inventory.h"
#include "scan/inventory/path_list.h"
#include "scan/model/inventory.h"

namespace scangate::inventory {

// How merge_layers() uses a record.
enum class Role {
  none,        // no record: a symlink, a folder, or a setuid file only
  database,    // part of the package database of `system`; counts when it stands where that system looks for it
  file_list,   // files of OS packages; counts as above
  os_release,  // counts as above
  language,    // one package where it stands
  unread,      // database of a package system that has no cataloger yet
  shared,      // nothing where it stands; a hard link to it shows a language package
};
inline constexpr int kLastRole = static_cast<int>(Role::shared);

struct FileProblem {
  std::string cause;
  bool incomplete = false;
};

struct OwnedFile {
  std::string owner;  // name of the OS package
  std::string path;   // without leading slash
};

struct FileRecord {
  Role role = Role::none;
  std::string system;             // "dpkg", "apk", "python", "npm", "rpm"
  std::vector<Package> packages;  // name_space of OS packages, paths, layer and owned_by are left to the merge
  // Packages the database mentions without having them installed, and owners of file lists.
  std::vector<std::string> other_names;
  std::vector<OwnedFile> owned;
  std::optional<OsRelease> os;
  std::vector<FileProblem> problems;
};

// A path of a layer that matters to the merge.
struct LayerNode {
  FileRecord record;
  std::string link_target;    // of a symlink, as it stands; else empty
  bool is_directory = false;  // only recorded where it may replace a symlink that leads to a database
  unsigned noted_mode = 0;    // mode bits of a setuid or setgid file, else 0
};

}  // namespace scangate::inventory

namespace scangate {

struct LayerInventory::State {
  std::map<std::string, inventory::LayerNode, std::less<>> nodes;  // by path
  std::vector<std::string> whiteouts;                              // paths of lower layers that are gone
  std::vector<std::string> opaques;  // folders whose lower content is gone; "" is the root
  inventory::PathList others;        // every path that is no directory: it hides what lower layers have there and below
  std::vector<inventory::FileProblem> problems;  // of the layer as a whole
};

}  // namespace scangate
