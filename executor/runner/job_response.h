#pragma once
// The job as GitLab sent it: JOB_RESPONSE_FILE of the custom executor. The only description of the job that its variables cannot change.
// gitlab-org/gitlab-runner, docs/executors/custom.md and common/spec/spec.go.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate {

// The file holds all variables and scripts of a job; GitLab's own limit for a job's payload is far below this.
inline constexpr std::size_t kMaxJobResponseBytes = 64U << 20U;

struct JobVariable {
  std::string key;
  std::string value;
  bool is_file = false;  // value is the content of a file
  bool is_raw = false;   // not expanded
};

struct JobService {
  std::string name;
  std::string alias;
};

struct JobArtifact {
  std::vector<std::string> paths;
  std::string type;    // "junit", "container_scanning"; "archive" or empty for plain artifacts
  std::string format;
  std::string when;
};

struct JobCredential {
  std::string type;  // "registry"
  std::string url;   // host
  std::string username;
  std::string password;
};

struct JobResponse {
  std::int64_t id = 0;
  std::string token;
  std::string job_name;
  std::string project_id;
  std::string image;  // with the job's variables expanded; empty: none
  std::vector<JobService> services;
  std::vector<JobVariable> variables;
  std::vector<JobArtifact> artifacts;
  std::vector<JobCredential> credentials;
  std::int64_t timeout_seconds = 0;

  std::optional<std::string> variable(std::string_view key) const;  // the last one of that name
};

// Errors: Fault::host with the file's place: the runner wrote it, so a fault in it is no user's.
Result<JobResponse> parse_job_response(std::string_view json, const std::string& place);

}  // namespace scangate
