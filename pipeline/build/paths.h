#pragma once
// Looking at paths below a root that is not ours to trust, link by link.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "scan/view/view.h"

namespace scangate::build {

// As the kernel's limit (path_resolution(7), ELOOP).
inline constexpr int kMaxSymlinks = 40;

struct PathNode {
  EntryType type = EntryType::file;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_seconds = 0;
  std::string link_target;  // of a symlink
};

// Paths are clean, relative to the root, without a leading '/'; "" is the root itself.
class PathLookup {
 public:
  virtual ~PathLookup() = default;
  // What stands at the path itself (links not followed, its parents are real folders); nullopt when nothing does.
  virtual Result<std::optional<PathNode>> node(const std::string& path) = 0;
};

// The path with every symlink in it followed inside the root, also the last one. Components that do not exist are kept
// as they are. Errors: Fault::user for a loop.
Result<std::string> resolve_path(PathLookup& lookup, std::string_view path);

// Joins with '/' unless one is empty.
std::string join_path(std::string_view folder, std::string_view name);
std::string_view parent_path(std::string_view path);  // "" for a name at the root
std::string_view base_name(std::string_view path);
// "/a/../b/" and "b/." become "b"; what leads above the root stays at it.
std::string path_in_root(std::string_view path);

}  // namespace scangate::build
