#pragma once
// The mounts of one RUN step: found for its key, and made when it runs.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "pipeline/build/cache_mounts.h"
#include "pipeline/build/copy_select.h"
#include "pipeline/build/file_source.h"
#include "pipeline/build/run_mount.h"
#include "pipeline/build/run_step.h"
#include "pipeline/build/ssh_relay.h"

namespace scangate::build {

// A mount with what stands behind it, as far as the step's key needs it.
struct FoundMount {
  RunMount mount;
  std::optional<FileSource> source;        // of bind, and of a cache with from=
  std::optional<SelectedSource> selected;  // of bind, when it is the context's
  std::string content;                     // identity of the files; empty for those that bring none
};

// Copies of context files for mounts, by the files' digest: made once for all steps of a build. Thread-safe.
class BoundCopies {
 public:
  std::shared_ptr<TempDir> find(const std::string& content) {
    const std::lock_guard lock(mutex_);
    const auto found = copies_.find(content);
    return found == copies_.end() ? nullptr : found->second;
  }
  void keep(const std::string& content, const std::shared_ptr<TempDir>& copy) {
    const std::lock_guard lock(mutex_);
    copies_.emplace(content, copy);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<TempDir>> copies_;
};

// Everything a step's mounts need while it runs; what they stand on goes with it.
class StepMounts {
 public:
  // Errors: Fault::user placed by the caller at the mount's place: a source that is not there, a secret that was not
  // given; Fault::host.
  Result<void> make(BuildWork& work, std::vector<FoundMount>& found, StepLog::Step& log);
  // Hands over to the step, which must end before this object.
  void give(RunStep& step);
  // Of the mount that make() failed at.
  dockerfile::Place place() const { return place_; }

 private:
  struct Bound {
    std::filesystem::path path;
    Workspace::PointKind kind = Workspace::PointKind::directory;
  };
  Result<void> add(BuildWork& work, const std::vector<FoundMount>& all, FoundMount& found);
  Result<Bound> bind_context(BuildWork& work, const FoundMount& found, bool own);
  Result<Bound> bind_image(BuildWork& work, FoundMount& found, bool own);
  Result<void> take_caches(BuildWork& work, std::vector<FoundMount>& found, StepLog::Step& log);
  Result<void> add_secret(const BuildWork& work, const RunMount& mount);
  Result<void> add_ssh(BuildWork& work, const RunMount& mount);

  dockerfile::Place place_;
  std::vector<StepMount> mounts_;
  std::vector<SandboxFile> files_;
  std::vector<std::string> environment_;
  std::string agent_target_;  // of the first ssh mount
  // What they stand on.
  std::vector<std::shared_ptr<TempDir>> copies_;
  std::vector<Workspace> workspaces_;
  std::map<const FoundMount*, std::filesystem::path> caches_;
  std::vector<HeldCache> held_;
  std::optional<TempDir> sockets_;
  std::vector<std::unique_ptr<SshRelay>> relays_;
};

}  // namespace scangate::build
