#pragma once
// A folder that COPY and ADD read from: the context (with its ignore rules) or another image's root file system.
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "pipeline/build/paths.h"
#include "pipeline/dockerfile/ignore.h"

namespace scangate::build {

// What identifies the content of a file without reading it.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  auto operator<=>(const FileStamp&) const = default;
};

FileStamp stamp_of(const struct stat& info);

struct TreeItem {
  std::string path;  // in the tree
  PathNode node;
  FileStamp stamp;
  std::uint64_t links = 1;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  bool is_socket = false;  // no layer can hold one
};

// Opened once; everything is then reached through its descriptor, so that links cannot lead out and a renamed parent
// does not matter. Thread-safe.
class SourceTree final : public PathLookup {
 public:
  // `what` names it in messages: "the context", "stage 'build'". Errors: Fault::host when the folder cannot be opened.
  static Result<SourceTree> open(const std::filesystem::path& folder, std::string what, dockerfile::IgnoreRules rules);

  Result<std::optional<PathNode>> node(const std::string& path) override;
  Result<std::optional<TreeItem>> item(const std::string& path);
  // Entries of a folder, sorted by name, links not followed.
  Result<std::vector<TreeItem>> list(const std::string& path);
  // Opens a regular file for reading. Errors: Fault::user when it is not the file of `stamp` any more.
  Result<UniqueFd> open_file(const TreeItem& item);
  // security.capability, the one attribute Docker's builders carry over; empty when there is none.
  Result<std::string> capability(const TreeItem& item);
  Result<std::string> read_text(const std::string& path, std::size_t cap_bytes);

  const dockerfile::IgnoreRules& rules() const { return rules_; }
  const std::string& what() const { return what_; }
  // Device and inode of the root: the same folder under any name.
  std::string identity() const;

 private:
  SourceTree(UniqueFd root, std::string what, dockerfile::IgnoreRules rules)
      : root_(std::move(root)), what_(std::move(what)), rules_(std::move(rules)) {}
  Error trouble(std::string_view doing, std::string_view path, int error_number) const;
  Result<TreeItem> from_stat(int folder_fd, const std::string& name, std::string path, const struct stat& info) const;

  UniqueFd root_;
  std::string what_;
  dockerfile::IgnoreRules rules_;
};

}  // namespace scangate::build
