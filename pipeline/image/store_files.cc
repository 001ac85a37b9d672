#include "pipeline/image/store_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <compare>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/image/lock_file.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSessionFolderSuffix = ".d";

// A file's time with all the resolution the kernel gives: leases and blobs of one second must be told apart.
using FileTime = std::chrono::nanoseconds;

FileTime file_time(const struct stat& status) {
  return std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
}

Result<std::vector<std::string>> folder_names(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    out.push_back(at->path().filename().string());
  if (error) return fail(host_error("cannot read " + folder.string(), error.value()));
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<Digest> digest_of_name(const std::string& hex) {
  auto digest = Digest::parse("sha256:" + hex);
  return digest ? std::optional(*digest) : std::nullopt;
}

Result<void> remove_dead_sessions(const fs::path& tmp) {
  SCANGATE_TRY(const std::vector<std::string> names, folder_names(tmp));
  for (const std::string& name : names) {
    const fs::path path = tmp / name;
    if (name.ends_with(kSessionFolderSuffix)) {
      const fs::path lock_file = tmp / name.substr(0, name.size() - kSessionFolderSuffix.size());
      struct stat status{};
      if (lstat(lock_file.c_str(), &status) != 0 && errno == ENOENT) SCANGATE_CHECK(remove_tree(path));
    } else if (name.starts_with(kSessionPrefix)) {
      SCANGATE_TRY(std::optional<LockFile> lock, LockFile::try_existing(path));
      if (!lock) continue;
      SCANGATE_CHECK(remove_tree(session_folder(path)));
      lock->remove();
    }
  }
  return {};
}

Result<void> drop_snapshots_of_earlier_boot(const fs::path& root) {
  const fs::path marker = root / "snapshots.boot";
  const auto boot = read_file("/proc/sys/kernel/random/boot_id", 100);
  if (!boot) return {};  // no /proc: nothing to compare, and the kernel's crash took this process too
  if (const auto before = read_file(marker, 100); before && *before == *boot) return {};
  SCANGATE_TRY(const std::vector<std::string> names, folder_names(root / "snapshots"));
  for (const std::string& name : names)
    SCANGATE_CHECK(remove_tree(root / "snapshots" / name));
  return write_file_atomic(marker, as_bytes(*boot), 0600, Sync::file_and_folder);
}

}  // namespace

fs::path blob_path(const fs::path& root, const Digest& digest) {
  return root / "blobs" / "sha256" / digest.hex();
}
fs::path snapshot_path(const fs::path& root, const Digest& chain) {
  return root / "snapshots" / chain.hex();
}
fs::path session_folder(const fs::path& lock_file) {
  return lock_file.string() + std::string(kSessionFolderSuffix);
}

Error damaged_blob(const Digest& digest) {
  return Error(Fault::host, fmt::format("blob {} is damaged in the store", digest.str()))
      .remedy("remove its images with 'scangate image rm', prune, and pull or build again");
}

bool touch_file(const fs::path& path) {
  struct stat status{};
  return utimensat(AT_FDCWD, path.c_str(), nullptr, 0) == 0 || stat(path.c_str(), &status) == 0;
}

std::uint64_t tree_bytes(const fs::path& path) {
  std::uint64_t out = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    struct stat status{};
    if (lstat(at->path().c_str(), &status) == 0) out += static_cast<std::uint64_t>(status.st_blocks) * 512U;
  }
  return out;
}

Result<void> create_store_folders(const fs::path& root) {
  const auto remedy = [&](Error error) {
    return fail(std::move(error).remedy("make the folder writable for this user or choose another with --store"));
  };
  // Images of private projects are in there.
  if (auto made = make_directories(root, 0700); !made) return remedy(std::move(made).error());
  for (const char* folder : {"blobs", "blobs/sha256", "snapshots", "tmp", "leases", "locks"})
    if (auto made = make_directories(root / folder, 0700); !made) return remedy(std::move(made).error());
  return {};
}

Result<void> repair_store(const fs::path& root) {
  SCANGATE_CHECK(remove_dead_sessions(root / "tmp"));
  return drop_snapshots_of_earlier_boot(root);
}

Result<std::vector<Digest>> stored_blobs(const fs::path& root) {
  SCANGATE_TRY(const std::vector<std::string> names, folder_names(root / "blobs" / "sha256"));
  std::vector<Digest> out;
  for (const std::string& name : names)
    if (const auto digest = digest_of_name(name)) out.push_back(*digest);
  return out;
}

namespace {

struct Candidate {
  fs::path path;
  FileTime used{};
  std::uint64_t size_bytes = 0;
  std::optional<Digest> blob;  // else a snapshot
};

// The time of the oldest lease whose holder lives, and removes those of the dead.
Result<FileTime> oldest_lease(const fs::path& root) {
  FileTime oldest = FileTime::max();
  SCANGATE_TRY(const std::vector<std::string> names, folder_names(root / "leases"));
  for (const std::string& name : names) {
    const fs::path path = root / "leases" / name;
    struct stat status{};
    if (lstat(path.c_str(), &status) != 0) continue;
    SCANGATE_TRY(std::optional<LockFile> dead, LockFile::try_existing(path));
    if (dead)
      dead->remove();
    else
      oldest = std::min(oldest, file_time(status));
  }
  return oldest;
}

class Pruner {
 public:
  Pruner(const fs::path& root, const fs::path& work, const StoreReferences& needed)
      : root_(root), work_(work), needed_(needed) {}

  Result<void> collect(bool measure_snapshots) {
    SCANGATE_TRY(const std::vector<std::string> blobs, folder_names(root_ / "blobs" / "sha256"));
    for (const std::string& name : blobs)
      add(root_ / "blobs" / "sha256" / name, name, Kind::blob, measure_snapshots);
    SCANGATE_TRY(const std::vector<std::string> chains, folder_names(root_ / "snapshots"));
    for (const std::string& name : chains)
      add(root_ / "snapshots" / name, name, Kind::snapshot, measure_snapshots);
    std::sort(candidates_.begin(), candidates_.end(),
              [](const Candidate& a, const Candidate& b) { return a.used < b.used; });
    return {};
  }

  Result<void> remove_older_than(FileTime limit) {
    std::vector<Candidate> kept;
    for (Candidate& candidate : candidates_) {
      if (candidate.used >= limit)
        kept.push_back(std::move(candidate));
      else
        SCANGATE_CHECK(remove(candidate));
    }
    candidates_ = std::move(kept);
    return {};
  }
  Result<void> remove_down_to(std::uint64_t target_bytes, FileTime limit) {
    for (const Candidate& candidate : candidates_) {
      if (total_bytes_ <= target_bytes || candidate.used >= limit) break;
      SCANGATE_CHECK(remove(candidate));
    }
    return {};
  }
  PrunedFiles& result() { return result_; }

 private:
  enum class Kind { blob, snapshot };
  void add(const fs::path& path, const std::string& name, Kind kind, bool measure_snapshots) {
    struct stat status{};
    const auto digest = digest_of_name(name);
    if (!digest || lstat(path.c_str(), &status) != 0) return;
    Candidate candidate{.path = path, .used = file_time(status)};
    const bool is_blob = kind == Kind::blob;
    if (is_blob) {
      candidate.blob = digest;
      candidate.size_bytes = static_cast<std::uint64_t>(status.st_size);
    } else if (measure_snapshots) {
      candidate.size_bytes = tree_bytes(path);
    }
    total_bytes_ += candidate.size_bytes;
    if (is_blob ? needed_.blobs.contains(*digest) : needed_.chains.contains(name)) return;
    candidates_.push_back(std::move(candidate));
  }

  Result<void> remove(const Candidate& candidate) {
    // Someone may have begun to use it since we looked.
    struct stat status{};
    if (lstat(candidate.path.c_str(), &status) != 0 || file_time(status) != candidate.used) return {};
    if (candidate.blob) {
      if (::unlink(candidate.path.c_str()) != 0 && errno != ENOENT)
        return fail(host_error("cannot remove " + candidate.path.string(), errno));
      ++result_.report.blobs;
      result_.report.freed_bytes += candidate.size_bytes;
      result_.blobs.push_back(*candidate.blob);
    } else {
      fs::path away = work_ / ("pruned-" + candidate.path.filename().string());
      if (::rename(candidate.path.c_str(), away.c_str()) != 0)
        return fail(host_error("cannot remove " + candidate.path.string(), errno));
      ++result_.report.snapshots;
      result_.trash.push_back(std::move(away));
    }
    total_bytes_ -= candidate.size_bytes;
    return {};
  }

  const fs::path& root_;
  const fs::path& work_;
  const StoreReferences& needed_;
  std::vector<Candidate> candidates_;
  std::uint64_t total_bytes_ = 0;
  PrunedFiles result_;
};

}  // namespace

Result<PrunedFiles> prune_files(const fs::path& root, const fs::path& work, const StoreReferences& needed,
                                std::chrono::seconds grace, std::uint64_t target_bytes) {
  SCANGATE_TRY(const FileTime leased, oldest_lease(root));
  // The kernel's clock, not ours: file times come from it and lag up to a tick behind clock_gettime.
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const FileTime unused_since = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) - grace;
  Pruner pruner(root, work, needed);
  SCANGATE_CHECK(pruner.collect(target_bytes != 0));
  SCANGATE_CHECK(pruner.remove_older_than(std::min(leased, unused_since)));
  if (target_bytes != 0) SCANGATE_CHECK(pruner.remove_down_to(target_bytes, leased));
  return std::move(pruner.result());
}

}  // namespace scangate
