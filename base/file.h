#pragma once
// Whole files, atomic replacement, temporary directories, and opening below a root that a hostile tree cannot leave.
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"

namespace scangate {

// Opens with O_CLOEXEC. Errors: Fault::host with the path and the reason.
Result<UniqueFd> open_file(const std::filesystem::path& path, int flags, mode_t mode = 0644);

// The whole file; fails when it is larger than `cap_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t cap_bytes);
Result<std::string> read_fd(int fd, std::size_t cap_bytes, std::string_view name);

// Writes all of it, also through short writes and EINTR.
Result<void> write_fd(int fd, Bytes bytes, std::string_view name);

enum class Sync { none, file_and_folder };
// Writes to a temporary name in the same folder, then renames: a reader sees the old file or the new one, never a part.
Result<void> write_file_atomic(const std::filesystem::path& path, Bytes bytes, mode_t mode = 0644,
                               Sync sync = Sync::none);

Result<void> make_directories(const std::filesystem::path& path, mode_t mode = 0755);

// Removes a tree without following symlinks, also where directories lack write permission. Missing is fine. When an
// entry cannot be removed the rest still is, and the first Error is returned.
Result<void> remove_tree(const std::filesystem::path& path);

// A fresh directory `<parent>/<prefix>XXXXXX`, removed with its content at the end of life unless release()d.
class TempDir {
 public:
  static Result<TempDir> make(const std::filesystem::path& parent, std::string_view prefix);
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&& other) noexcept;
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path release() { return std::exchange(path_, {}); }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: absolute paths, "..", and symlinks resolve as if `root_fd`
// were "/".
Result<UniqueFd> open_in_root(int root_fd, const std::string& path, int flags, mode_t mode = 0);

// Reads from a descriptor; owns it.
class FdSource final : public ByteSource {
 public:
  FdSource(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string name_;
};

class FdSink final : public ByteSink {
 public:
  FdSink(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  Result<void> write(Bytes bytes) override { return write_fd(fd_.get(), bytes, name_); }
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string name_;
};

}  // namespace scangate
