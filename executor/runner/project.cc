#include "executor/runner/project.h"

#include <algorithm>

#include "base/digest.h"
#include "executor/gitlab/server_address.h"

namespace scangate {

std::string project_name(const JobResponse& job) {
  // What follows the credentials tells servers apart, too, where the project's path is not known.
  const auto server = server_address(job.repository_url, job.project_path);
  const std::string place = server ? server->url() : job.repository_url.substr(job.repository_url.rfind('@') + 1);
  const std::string unique = Digest::of(fmt::format("{}\n{}", place, job.project_id)).hex().substr(0, 8);
  const bool is_number = !job.project_id.empty() && std::all_of(job.project_id.begin(), job.project_id.end(),
                                                                [](char c) { return c >= '0' && c <= '9'; });
  return fmt::format("project-{}{}{}", is_number ? job.project_id : "", is_number ? "-" : "", unique);
}

std::filesystem::path project_cache(const std::filesystem::path& store, const JobResponse& job) {
  return store / "caches" / project_name(job);
}

}  // namespace scangate
