#pragma once
// Limits on processor time, memory and processes by control groups: version 2 where it has the controllers, else the
// hierarchies of version 1. Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
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

 private:
  friend class Cgroups;
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
  std::vector<Place> places_;
  std::string description_;
  bool complete_ = false;
  std::atomic<unsigned> made_ = 0;
  std::mutex mutex_;
  std::weak_ptr<Cgroup> common_;
};

// What the runs of a sandbox are held to, all of them together: a job that starts containers, services and builds gets
// no more than one that does not. A run that says otherwise is held to that alone.
struct RunLimits {
  std::shared_ptr<Cgroups> groups;
  SandboxLimits defaults;
  Result<std::shared_ptr<Cgroup>> group_for(const SandboxSpec& spec) const {
    if (spec.limits.any()) return groups->make(spec.limits);
    return groups->common(defaults);
  }
};

}  // namespace scangate
