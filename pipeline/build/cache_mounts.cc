#include "pipeline/build/cache_mounts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <vector>

#include "base/digest.h"
#include "base/file.h"
#include "base/json/json.h"

namespace scangate::build {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::milliseconds kPoll{20};
constexpr std::chrono::hours kSweepEvery{1};
constexpr const char* kSweptFile = ".swept";
// Of a name made of a hash: enough that no two meet.
constexpr std::size_t kNameLength = 32;

enum class Wait { no, yes };

// The sweep may have removed the file while we waited: then our lock is on a name that nobody else sees.
bool still_named(int fd, const fs::path& path) {
  struct stat ours{};
  struct stat named{};
  return ::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

// An empty descriptor: in use, and Wait::no.
Result<UniqueFd> lock_folder(const fs::path& folder, int how, Wait wait, const Cancel& cancel,
                             const std::function<void()>& on_wait) {
  const fs::path path = folder / "lock";
  bool told = false;
  for (;;) {
    SCANGATE_CHECK(make_directories(folder, 0700));
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) {
      if (errno == ENOENT) continue;  // swept in between
      return fail(host_error("cannot open " + path.string(), errno));
    }
    while (::flock(fd.get(), how | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) return fail(host_error("cannot lock " + path.string(), errno));
      if (wait == Wait::no) return UniqueFd();
      if (cancel.cancelled()) return fail(cancelled_error());
      if (!told && on_wait) on_wait();
      told = true;
      std::this_thread::sleep_for(kPoll);
    }
    if (still_named(fd.get(), path)) return fd;
  }
}

// Makes the data of a cache whose lock is held alone, unless it is there.
Result<void> make_data(const fs::path& folder, const RunMount& mount, const CacheMounts::Fill& fill) {
  const fs::path data = folder / "data";
  std::error_code ignored;
  if (fs::exists(data, ignored)) return {};
  const fs::path fresh = folder / "data.new";
  SCANGATE_CHECK(remove_tree(fresh));
  SCANGATE_CHECK(fill ? fill(fresh) : make_directories(fresh, 0700));
  if (::chown(fresh.c_str(), mount.uid.value_or(0), mount.gid.value_or(0)) != 0 ||
      ::chmod(fresh.c_str(), mount.mode.value_or(0755)) != 0)
    return fail(host_error("cannot make the cache " + fresh.string(), errno));
  if (::rename(fresh.c_str(), data.c_str()) != 0)
    return fail(host_error("cannot make the cache " + data.string(), errno));
  return {};
}

bool has_data(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "data", ignored);
}

std::vector<fs::path> folders_in(const fs::path& parent) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (!it->is_symlink(ignored) && it->is_directory(ignored)) out.push_back(it->path());
  }
  return out;
}

// What its files take on the disk.
std::uint64_t bytes_of(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    struct stat info{};
    if (::lstat(it->path().c_str(), &info) == 0) bytes += static_cast<std::uint64_t>(info.st_blocks) * 512U;
  }
  return bytes;
}

struct Found {
  fs::path folder;
  std::uint64_t bytes = 0;
  std::int64_t used_at = 0;
};

// Only when nobody uses it.
Result<bool> remove_cache(const fs::path& folder) {
  const UniqueFd lock(::open((folder / "lock").c_str(), O_RDWR | O_CLOEXEC));
  if (lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return false;
  SCANGATE_CHECK(remove_tree(folder / "data"));
  SCANGATE_CHECK(remove_tree(folder));
  // Not when another number or cache is in them.
  ::rmdir(folder.parent_path().c_str());
  ::rmdir(folder.parent_path().parent_path().c_str());
  return true;
}

}  // namespace

fs::path CacheMounts::folder_of(const RunMount& mount, const std::string& content) const {
  const auto name = [](const std::string& text) { return Digest::of(text).hex().substr(0, kNameLength); };
  const std::string key = fmt::format("{}:{} {}:{} {} {} {} {}", mount.id.size(), mount.id, content.size(), content,
                                      content.empty() ? "" : mount.source, mount.uid.value_or(0), mount.gid.value_or(0),
                                      mount.mode.value_or(0755));
  return root_ / name("project " + project_) / name(key);
}

Result<HeldCache> CacheMounts::take(const RunMount& mount, const std::string& content, const Fill& fill,
                                    const Cancel& cancel, const std::function<void()>& on_wait) const {
  const fs::path cache = folder_of(mount, content);
  SCANGATE_CHECK(make_directories(root_, 0700));
  const auto ready = [&](UniqueFd lock, const fs::path& folder) -> Result<HeldCache> {
    if (::futimens(lock.get(), nullptr) != 0) return fail(host_error("cannot mark the cache as used", errno));
    return HeldCache(std::move(lock), folder / "data");
  };
  if (mount.sharing == Sharing::separately) {
    for (int number = 0; number < kMaxPrivateCaches; ++number) {
      const fs::path folder = cache / std::to_string(number);
      SCANGATE_TRY(UniqueFd lock, lock_folder(folder, LOCK_EX, Wait::no, cancel, {}));
      if (!lock) continue;
      SCANGATE_CHECK(make_data(folder, mount, fill));
      return ready(std::move(lock), folder);
    }
    return fail(Fault::host,
                fmt::format("more than {} builds use the private cache '{}'", kMaxPrivateCaches, mount.id));
  }
  const fs::path folder = cache / "0";
  for (;;) {
    if (mount.sharing == Sharing::locked || !has_data(folder)) {
      // Of several that find a shared cache missing one makes it; the others go on as soon as it is there, not when
      // nobody uses it any more.
      const Wait wait = mount.sharing == Sharing::locked ? Wait::yes : Wait::no;
      SCANGATE_TRY(UniqueFd lock, lock_folder(folder, LOCK_EX, wait, cancel, on_wait));
      if (!lock) {
        if (cancel.cancelled()) return fail(cancelled_error());
        std::this_thread::sleep_for(kPoll);
        continue;
      }
      SCANGATE_CHECK(make_data(folder, mount, fill));
      const auto about = dump_json(nlohmann::ordered_json{{"project", project_}, {"id", mount.id}});
      SCANGATE_CHECK(write_file_atomic(folder / "about.json", as_bytes(about), 0600));
      if (mount.sharing == Sharing::locked) return ready(std::move(lock), folder);
    }
    SCANGATE_TRY(UniqueFd lock, lock_folder(folder, LOCK_SH, Wait::yes, cancel, on_wait));
    if (has_data(folder)) return ready(std::move(lock), folder);  // else it was swept between the two locks
  }
}

Result<CacheSweep> CacheMounts::sweep(const fs::path& root, std::uint64_t max_bytes, std::chrono::seconds unused_for) {
  std::vector<Found> found;
  std::uint64_t total = 0;
  for (const fs::path& project : folders_in(root))
    for (const fs::path& cache : folders_in(project))
      for (const fs::path& folder : folders_in(cache)) {
        struct stat info{};
        Found each{.folder = folder, .bytes = bytes_of(folder)};
        if (::stat((folder / "lock").c_str(), &info) == 0) each.used_at = info.st_mtim.tv_sec;
        total += each.bytes;
        found.push_back(std::move(each));
      }
  std::ranges::sort(found, {}, &Found::used_at);
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  CacheSweep report;
  for (const Found& each : found) {
    const bool old = std::chrono::seconds(each.used_at) + unused_for <= now;
    if (!old && total <= max_bytes) break;
    SCANGATE_TRY(const bool removed, remove_cache(each.folder));
    if (!removed) continue;
    ++report.removed;
    report.freed_bytes += each.bytes;
    total -= each.bytes;
  }
  report.kept_bytes = total;
  return report;
}

Result<void> CacheMounts::sweep_sometimes(const fs::path& root, std::uint64_t max_bytes,
                                          std::chrono::seconds unused_for) {
  std::error_code ignored;
  if (!fs::exists(root, ignored)) return {};
  const fs::path mark = root / kSweptFile;
  SCANGATE_TRY(const UniqueFd file, open_file(mark, O_RDWR | O_CREAT, 0600));
  struct stat info{};
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(file.get(), &info) != 0) return {};  // another does it
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  if (info.st_size > 0 && std::chrono::seconds(info.st_mtim.tv_sec) + kSweepEvery > now) return {};
  SCANGATE_TRY(const CacheSweep report, sweep(root, max_bytes, unused_for));
  if (::ftruncate(file.get(), 0) != 0) return fail(host_error("cannot write " + mark.string(), errno));
  const std::string text = fmt::format("{} bytes\n", report.kept_bytes);
  return write_fd(file.get(), as_bytes(text), mark.string());
}

}  // namespace scangate::build
