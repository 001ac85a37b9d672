#pragma once
// Names under which a job and its containers find each other: all share one network, so each is 127.0.0.1, in hosts
// files. hosts(5).
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace scangate {

// Thread-safe.
class ContainerNames {
 public:
  // `jobs_file`: the script's /etc/hosts, which gets the names too; empty: it has the host's own, which stays as it is.
  explicit ContainerNames(std::filesystem::path jobs_file) : jobs_file_(std::move(jobs_file)) {}

  // From now on every file here has these names. A name stays until the job's end.
  void add(const std::vector<std::string>& names);
  // A hosts file for a container, in a folder of its own: what the job has, and `further` lines (name, address).
  // Follows add() until forget().
  Result<std::filesystem::path> make_file(const std::filesystem::path& folder,
                                          const std::vector<std::pair<std::string, std::string>>& further);
  void forget(const std::filesystem::path& file);

 private:
  std::filesystem::path jobs_file_;
  std::mutex mutex_;  // of what follows, and of the files
  std::set<std::string> names_;
  std::set<std::filesystem::path> files_;
};

}  // namespace scangate
