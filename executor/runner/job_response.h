#pragma once
// The job as GitLab sent it: JOB_RESPONSE_FILE of the custom executor. The only description of the job that its
// variables cannot change. gitlab-org/gitlab-runner, docs/executors/custom.md and common/spec/spec.go.
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

// `image:` of a job and each of its `services:`.
struct JobImage {
  std::string name;                      // expanded; empty: none
  std::vector<std::string> entrypoint;   // as in the YAML; empty: the image's own
  std::vector<std::string> pull_policy;  // "always", "if-not-present", "never": tried in turn; empty: the host's choice
  std::string platform;                  // "linux/arm64"; empty: the host's
  std::string user;                      // empty: the image's own
  bool operator==(const JobImage&) const = default;
};

struct JobService {
  JobImage image;
  std::vector<std::string> aliases;  // as given, split at spaces and commas
  std::vector<std::string> command;
  std::vector<JobVariable> variables;  // of this service alone
};

struct JobArtifact {
  std::vector<std::string> paths;
  std::vector<std::string> exclude;
  std::string type;  // "junit", "container_scanning"; "archive" or empty for plain artifacts
  std::string format;
  std::string when;
  std::string name;
  std::string expire_in;
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
  std::string stage;
  std::string project_id;
  std::string project_path;  // "group/project"
  std::string ref;           // branch or tag
  std::string sha;
  std::string repository_url;  // https://gitlab-ci-token:TOKEN@host/group/project.git: a secret
  JobImage image;
  std::vector<JobService> services;
  std::vector<JobVariable> variables;
  std::vector<JobArtifact> artifacts;
  std::vector<JobCredential> credentials;
  std::vector<std::string> dependency_tokens;  // of the earlier jobs whose artifacts this one may fetch
  std::int64_t timeout_seconds = 0;
  bool has_after_script = false;

  std::optional<std::string> variable(std::string_view key) const;  // the last one of that name
  std::string expand(std::string text) const;                       // $NAME and ${NAME}, as far as variables go
};

// "db, db.test": the runner takes spaces and commas between several.
std::vector<std::string> service_aliases(std::string text);

// Errors: Fault::host with the file's place: the runner wrote it, so a fault in it is no user's.
Result<JobResponse> parse_job_response(std::string_view json, const std::string& place);

}  // namespace scangate
