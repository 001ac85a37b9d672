#pragma once
// Locks between processes. flock(2): the kernel drops them when their holder ends, however it ends, so a lock that can
// be taken tells that its holder is gone.
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

namespace scangate {

class LockFile {
 public:
  // Waits until it is free; Fault::host on cancel.
  static Result<LockFile> acquire(const std::filesystem::path& path, const Cancel& cancel = {});
  // nullopt when someone living holds it, or when it is gone.
  static Result<std::optional<LockFile>> try_existing(const std::filesystem::path& path);
  // A fresh file `<folder>/<prefix>XXXXXX`, held.
  static Result<LockFile> make(const std::filesystem::path& folder, std::string_view prefix);

  LockFile(LockFile&&) noexcept = default;
  LockFile& operator=(LockFile&&) noexcept = default;
  ~LockFile() = default;  // releases, leaves the file

  const std::filesystem::path& path() const { return path_; }
  int fd() const { return fd_.get(); }
  void release() { fd_.reset(); }
  void remove();  // deletes the file and releases

 private:
  LockFile(UniqueFd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::filesystem::path path_;
};

}  // namespace scangate
