#pragma once
// A file or folder of the job made reachable under a path of ours, for runtimes that take paths only.
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

namespace scangate {

// A bind mount in the process's own mount namespace (see enter_host_namespaces in pipeline/sandbox): a killed process
// leaves none behind. What the job puts in the place of the opened file or folder does not change what is mounted.
class BoundPath {
 public:
  // `fd` is what to mount, opened in our mount namespace; `folder` is ours, on any disk.
  static Result<BoundPath> make(int fd, TempDir folder);
  BoundPath(BoundPath&&) noexcept = default;
  BoundPath& operator=(BoundPath&&) = delete;
  ~BoundPath();
  const std::filesystem::path& path() const { return path_; }

 private:
  BoundPath(TempDir folder, std::filesystem::path path) : folder_(std::move(folder)), path_(std::move(path)) {}
  TempDir folder_;
  std::filesystem::path path_;
};

}  // namespace scangate
