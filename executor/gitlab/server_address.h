#pragma once
// Where the GitLab server of a job is, from what GitLab itself said: the clone URL of the job response. CI_SERVER_URL,
// CI_API_V4_URL and the like are variables, which a project can set to anything.
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate {

struct ServerAddress {
  std::string scheme;  // "https" or "http"
  std::string host;    // with the port when it is not the scheme's own: "gitlab.example:8443"
  std::string root;    // "" or "/gitlab" where GitLab lives below a relative URL
  std::string url() const { return scheme + "://" + host + root; }
  bool operator==(const ServerAddress&) const = default;
};

// `repository_url`: git_info.repo_url; `project_path`: job_info.project_full_path. Errors: Fault::host; the URL's
// credentials are in no message.
Result<ServerAddress> server_address(std::string_view repository_url, std::string_view project_path);

// "https://gitlab.internal:8443", without a path: GitLab's relative URL is part of its own configuration and the same
// at every address it has. Nullopt for anything else.
std::optional<ServerAddress> server_origin(std::string_view url);

}  // namespace scangate
