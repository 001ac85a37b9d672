#pragma once
// Limits on processor time, memory and processes by control groups: version 2 where it has the controllers, else the
// hierarchies of version 1. Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "pipeline/sandbox/sandbox.h"

namespace scangate {

// Groups for one sandbox, one in each hierarchy; removed at the end of life, when its processes are gone.
class Cgroup {
 public:
  Cgroup() = default;
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  // For the child before it becomes its program: a bare system call for each hierarchy. Gives 0 or an errno value.
  int join() const;

  // How often the kernel ended a process in it for its memory: memory.events, and memory.oom_control of version 1.
  std::uint64_t memory_kills() const;
  std::optional<std::uint64_t> memory_limit_bytes() const { return memory_limit_; }
  // Controllers of its limits that could not be had: "memory".
  const std::vector<std::string>& missing() const { return missing_; }
  bool is_common() const { return common_; }

 private:
  friend class Cgroups;
  std::optional<std::uint64_t> memory_limit_;
  std::vector<std::string> missing_;
  bool common_ = false;
  std::vector<std::filesystem::path> folders_;
  std::vector<UniqueFd> members_;  // their cgroup.procs
};

// Where groups of ours can be made. Thread-safe.
class Cgroups {
 public:
  // Looks for a place for the controllers that `wanted` needs, and removes groups whose makers are gone: what a killed
  // process could not. `mount` is /sys/fs/cgroup, `own` the text of /proc/self/cgroup.
  Cgroups(const SandboxLimits& wanted, std::filesystem::path mount, std::string_view own);
  static std::shared_ptr<Cgroups> probe(const SandboxLimits& wanted);

  // "limits on cpu, memory", "no limits configured", "limits on pids (not on cpu: …)".
  const std::string& description() const { return description_; }
  // Everything that was wanted can be had.
  bool complete() const { return complete_; }
  // Once more, and waits a moment for groups whose last processes are just ending.
  void sweep_ended();
  // Groups with these limits, as far as the controllers can be had; without any the group is empty. Errors:
  // Fault::host.
  Result<std::unique_ptr<Cgroup>> make(const SandboxLimits& limits);
  // The same for all who hold it at the time: together they keep within the limits. `limits` is always the same.
  Result<std::shared_ptr<Cgroup>> common(const SandboxLimits& limits);

 private:
  enum class Version { one, two };
  struct Place {
    std::string controller;
    std::filesystem::path parent;
    Version version = Version::two;
  };
  // Where groups with this controller can be made, looked for when first needed; nullptr: nowhere.
  const Place* place_for(const std::string& controller);

  std::filesystem::path mount_;
  std::map<std::string, std::string> own_one_;  // controller: our group in its hierarchy of version 1
  std::optional<std::string> own_two_;          // our group in version 2
  std::mutex places_mutex_;
  std::map<std::string, std::optional<Place>> places_;
  std::string description_;
  bool complete_ = false;
  std::atomic<unsigned> made_ = 0;
  std::mutex mutex_;
  std::weak_ptr<Cgroup> common_;
};

// Fills the report of one run.
class MemoryWatch {
 public:
  MemoryWatch(const Cgroup& group, const SandboxSpec& spec)
      : group_(group), report_(spec.report), before_(report_ == nullptr ? 0 : group.memory_kills()) {
    if (report_ == nullptr || !spec.limits.any()) return;
    report_->host_limits_instead = group.is_common();
    if (!report_->host_limits_instead) report_->not_limited = group.missing();
  }
  void tell() const {
    if (report_ != nullptr && group_.memory_kills() > before_)
      report_->memory_exceeded_bytes = group_.memory_limit_bytes();
  }

 private:
  const Cgroup& group_;
  SandboxReport* report_;
  std::uint64_t before_;
};

// What the runs of a sandbox are held to, all of them together: a job that starts containers, services and builds gets
// no more than one that does not. A run that says otherwise is held to that alone, unless the host has limits of its
// own: what a job asks for may not lead around them.
struct RunLimits {
  std::shared_ptr<Cgroups> groups;
  SandboxLimits defaults;
  Result<std::shared_ptr<Cgroup>> group_for(const SandboxSpec& spec) const {
    if (spec.limits.any() && !defaults.any()) return groups->make(spec.limits);
    return groups->common(defaults);
  }
};

}  // namespace scangate
