#pragma once
// What one script of a job gets in place of credentials: its text with placeholders, and ways to GitLab that work with
// them: the forwarder for the API, for git (url.<base>.insteadOf) and for the runner's own artifact commands.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "executor/forward/gitlab_forwarder.h"

namespace scangate {

// Scripts hold a job's variables; GitLab's own limit for a job's payload is far below.
inline constexpr std::size_t kMaxScriptBytes = 64U << 20U;

class JobGateway {
 public:
  // `listener`: on 127.0.0.1 of the script's network. Without a target (the job response names no server) there is no
  // forwarder, only placeholders.
  static Result<JobGateway> open(std::shared_ptr<const Broker> broker, std::optional<ForwarderTarget> target,
                                 LoopbackListener listener, std::shared_ptr<HttpTransport> transport);

  // The script in a file in memory, at its beginning: every secret concealed, CI_API_V4_URL and CI_API_GRAPHQL_URL
  // leading to the forwarder, which no proxy of the job's is asked for.
  Result<UniqueFd> script_file(std::string_view text) const;
  std::string script(std::string_view text) const;

  // Variables that make git go through the forwarder; git-config(1), GIT_CONFIG_COUNT. The job may override them: then
  // its requests carry a placeholder to the real server, which refuses it.
  std::vector<std::string> environment() const;

  // Writes `folder`/gitconfig, for GIT_CONFIG_SYSTEM. The runner clones from the plain URL (seen with 19.4) and leaves
  // `url.<URL with the token>.insteadOf = <URL>`, of the project and of the server, in a file that the repository
  // includes. Git takes the longest match and, of equals, the first it read; the system's file is read before the
  // repository's, GIT_CONFIG_COUNT after it. With the login, which git sends when it is asked for one: submodules of
  // private projects need it. Nothing where there is no forwarder.
  Result<void> add_git_config(const std::filesystem::path& folder) const;

  // Makes `folder`/bin/gitlab-runner, which runs `program` and sends its artifact requests through the forwarder.
  // Nothing where there is no forwarder.
  Result<void> add_runner_command(const std::filesystem::path& folder, const std::filesystem::path& program) const;

  // Empty without a forwarder.
  std::string url() const { return forwarder_ ? forwarder_->url() : std::string(); }

 private:
  JobGateway() = default;
  std::shared_ptr<const Broker> broker_;
  std::optional<ServerAddress> server_;
  std::vector<std::string> git_urls_;  // beginnings of URLs that lead to the forwarder
  std::string project_path_;
  std::unique_ptr<GitLabForwarder> forwarder_;
};

}  // namespace scangate
