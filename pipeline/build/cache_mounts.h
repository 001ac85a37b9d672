#pragma once
// The folders behind `RUN --mount=type=cache`: kept in the store from build to build, each for one project alone.
//
// Layout below their root: <project>/<cache>/<number>/{lock,about.json,data}, the first two named by hashes. `lock` is
// locked (flock) while the cache is used, shared or alone; its time is that of the last use. Numbers above 0 are those
// that sharing=private made while 0 was in use.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "pipeline/build/run_mount.h"

namespace scangate::build {

// Builds that use one private cache at the same time; each has a copy of its own.
inline constexpr int kMaxPrivateCaches = 64;

class HeldCache {
 public:
  HeldCache(UniqueFd lock, std::filesystem::path data) : lock_(std::move(lock)), data_(std::move(data)) {}
  const std::filesystem::path& data() const { return data_; }

 private:
  UniqueFd lock_;  // freed at the end of life, however the process ends
  std::filesystem::path data_;
};

struct CacheSweep {
  std::size_t removed = 0;
  std::uint64_t freed_bytes = 0;
  std::uint64_t kept_bytes = 0;
};

// Thread-safe; several processes use one root at once.
class CacheMounts {
 public:
  // `project`: caches of one are never seen by another.
  CacheMounts(std::filesystem::path root, std::string project) : root_(std::move(root)), project_(std::move(project)) {}

  // Makes the folder of a new cache with what it begins with.
  using Fill = std::function<Result<void>(const std::filesystem::path& folder)>;
  // `content`: identity of what it begins with; empty for nothing. Another beginning, owner or mode is another cache.
  // Waits for one that is locked, and tells `on_wait` once. Errors: Fault::host, also on cancel.
  Result<HeldCache> take(const RunMount& mount, const std::string& content, const Fill& fill, const Cancel& cancel,
                         const std::function<void()>& on_wait) const;
  // Names the cache that take() gives; to take several in one order everywhere, so that two builds never wait for each
  // other.
  std::filesystem::path folder_of(const RunMount& mount, const std::string& content) const;

  // Removes caches that nobody uses: those unused for `unused_for`, then the longest unused until all together are
  // below `max_bytes`.
  static Result<CacheSweep> sweep(const std::filesystem::path& root, std::uint64_t max_bytes,
                                  std::chrono::seconds unused_for);
  // The same at most once an hour on one host: counting takes as long as a walk through all files.
  static Result<void> sweep_sometimes(const std::filesystem::path& root, std::uint64_t max_bytes,
                                      std::chrono::seconds unused_for);

 private:
  std::filesystem::path root_;
  std::string project_;
};

}  // namespace scangate::build
