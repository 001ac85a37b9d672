#pragma once
// The interface of a package system, and the one list of them. To add a system: write a class in a file of its own, and
// name it in all_catalogers().
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "scan/inventory/record.h"

namespace scangate::inventory {

// Longest name, version or other kept field. dpkg and npm allow less than 256; a longer one is damage or an attack.
inline constexpr std::size_t kMaxFieldBytes = 4096;
// Most packages that one file may list. Debian 12 has 64,000 packages in all.
inline constexpr std::size_t kMaxPackagesPerFile = 200'000;
// Most files of one database file that are kept for ownership: Debian 12 ships about 5,000 Python packages.
inline constexpr std::size_t kMaxOwnedPerFile = 100'000;

// The part of a file that a cataloger wants to read.
struct Claim {
  std::size_t cap_bytes = 0;
};

struct FileContent {
  std::string_view path;
  std::string_view text;
  bool truncated = false;  // the file is longer than the claim's cap; `text` is its beginning
};

class Cataloger {
 public:
  virtual ~Cataloger() = default;
  // Whether this file is one of its own, by path alone. Asked for every entry of every layer: cheap, no allocation.
  virtual std::optional<Claim> claim(std::string_view path) const = 0;
  // Never fails: what it does not understand becomes a FileProblem.
  virtual FileRecord read(const FileContent& file) const = 0;
  // Files and folders where the system looks for its database: symlinks on the way there are followed, and records of
  // other roles than language count only there. In the order in which the system looks.
  virtual std::span<const std::string_view> anchors() const { return {}; }
};

// Thread rule: immutable, shared by all threads.
std::span<const Cataloger* const> all_catalogers();
// Read only when InventoryOptions::lock_files says so.
std::span<const Cataloger* const> lock_file_catalogers();

const Cataloger& dpkg_cataloger();
const Cataloger& apk_cataloger();
const Cataloger& os_release_cataloger();
const Cataloger& python_cataloger();
const Cataloger& npm_cataloger();
const Cataloger& pnpm_store_cataloger();
const Cataloger& unread_databases();
const Cataloger& npm_lock_cataloger();
const Cataloger& poetry_lock_cataloger();

// Whether a file shows a language package: the lines of OS packages' file lists that matter for ownership.
bool shows_language_package(std::string_view path);

// The last component, and what stands before its slash ("" at the root).
std::string_view base_name(std::string_view path);
std::string_view parent_path(std::string_view path);

// A problem for a file that is longer than its cap.
FileProblem over_cap(std::size_t cap_bytes);

}  // namespace scangate::inventory
