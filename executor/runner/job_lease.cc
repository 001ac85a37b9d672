#include "executor/runner/job_lease.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/sandbox/network.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLease = "lease";
constexpr const char* kLock = "jobs.lock";  // beside the folder: between who makes a job's folder and who removes it
constexpr std::string_view kJob = "job-";
// Renamed out of the way under the lock, removed without it: a checkout of many files would keep new jobs waiting.
constexpr std::string_view kEnded = "ended-";
constexpr std::size_t kMaxLeaseBytes = 64;
// What a runner grants after a job's timeout: ten minutes to end by itself, after_script, uploads, cleanup.
constexpr std::chrono::hours kAfterTimeout{1};
// GitLab allows a month (doc/ci/pipelines/settings.md); also for a job response that names no timeout.
constexpr std::chrono::hours kLongestTimeout{24 * 31};

Result<void> write_lease(int fd, std::chrono::seconds timeout, TimePoint now) {
  const std::chrono::seconds longest = kLongestTimeout;
  const auto until = now + (timeout.count() > 0 ? std::min(timeout, longest) : longest) + kAfterTimeout;
  const std::string text = std::to_string(until.time_since_epoch().count()) + "\n";
  if (lseek(fd, 0, SEEK_SET) != 0 || ftruncate(fd, 0) != 0)
    return fail(host_error("cannot renew a job's lease", errno));
  return write_fd(fd, as_bytes(text), kLease);
}

// A lease that cannot be read was cut off while it was made.
bool has_ended(const LockFile& lease, TimePoint now) {
  const auto text = read_file(lease.path(), kMaxLeaseBytes);
  if (!text) return false;
  std::int64_t until = 0;
  std::from_chars(text->data(), text->data() + text->size(), until);
  return now.time_since_epoch().count() > until;
}

Result<LockFile> lock_jobs(const fs::path& store) {
  return LockFile::acquire(store / kLock);
}

// The folders that are to be removed, out of the way of new jobs.
Result<std::vector<fs::path>> set_aside(Store& store, TimePoint now) {
  std::vector<fs::path> out;
  SCANGATE_TRY(const LockFile lock, lock_jobs(store.root()));
  std::error_code error;
  for (fs::directory_iterator it(jobs_folder(store.root()), error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with(kEnded)) out.push_back(it->path());
    if (!name.starts_with(kJob)) continue;
    SCANGATE_TRY(const auto lease, LockFile::try_existing(it->path() / kLease));
    if (!lease || !has_ended(*lease, now)) continue;
    fs::path aside = it->path().parent_path() / (std::string(kEnded) + name);
    std::error_code cannot;
    fs::rename(it->path(), aside, cannot);
    if (!cannot) out.push_back(std::move(aside));
  }
  SCANGATE_TRY(const auto scopes, store.name_scopes());
  for (const auto& scope : scopes)
    if (scope.starts_with(kJob) && !fs::exists(jobs_folder(store.root()) / scope, error) && !error)
      SCANGATE_CHECK(store.forget_names_of(scope));
  return out;
}

}  // namespace

fs::path jobs_folder(const fs::path& store) {
  return store / "jobs";
}

std::string names_of_job(const fs::path& state_folder) {
  return state_folder.filename().string();
}

Result<void> open_job(const fs::path& store, const fs::path& state_folder, std::chrono::seconds timeout,
                      TimePoint now) {
  SCANGATE_CHECK(make_directories(store));
  SCANGATE_TRY(const LockFile lock, lock_jobs(store));
  SCANGATE_CHECK(make_directories(state_folder));
  SCANGATE_TRY(const LockFile lease, LockFile::acquire(state_folder / kLease));
  return write_lease(lease.fd(), timeout, now);
}

Result<std::optional<LockFile>> hold_job(const fs::path& state_folder, std::chrono::seconds timeout, TimePoint now) {
  SCANGATE_TRY(auto lease, LockFile::try_existing(state_folder / kLease));
  if (lease) SCANGATE_CHECK(write_lease(lease->fd(), timeout, now));
  return lease;
}

void sweep_ended_jobs(Store& store, TimePoint now, Progress& progress) {
  const auto ended = set_aside(store, now);
  if (!ended) {
    progress.line(Level::debug, "what ended jobs left was not looked for: " + ended.error().text());
    return;
  }
  for (const auto& folder : *ended) {
    const std::string name = folder.filename().string().substr(kEnded.size());
    JobNetwork::end_kept(folder);
    if (auto removed = remove_tree(folder); removed)
      progress.line(Level::debug, fmt::format("removed what {} left, whose cleanup never ran", printable(name)));
    else
      progress.line(Level::debug,
                    fmt::format("what {} left is not removed: {}", printable(name), removed.error().text()));
  }
}

}  // namespace scangate
