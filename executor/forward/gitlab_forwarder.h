#pragma once
// The job's way to its GitLab server: a listener inside the sandbox that passes API and git requests on, with
// placeholders in the places where credentials belong replaced by the real values, and with secrets in text replies
// concealed. The job itself never holds a value, and what would give it a registry token is refused.
#include <filesystem>
#include <memory>
#include <string>

#include "base/http/http.h"
#include "base/http_server/http_server.h"
#include "base/loopback.h"
#include "executor/broker/broker.h"
#include "executor/gitlab/server_address.h"

namespace scangate {

struct ForwarderTarget {
  ServerAddress server;                     // as users and jobs know it
  std::optional<ServerAddress> reached_at;  // where this host reaches it, when not there
  // Beginnings of other URLs that mean the server's projects, for git: "git@gitlab.example:".
  std::vector<std::string> also_called;
  std::filesystem::path ca_file;  // added to the system's; may be empty
  bool verify_certificates = true;
  std::string project_path;  // "group/app": the job's own

  const ServerAddress& place() const { return reached_at ? *reached_at : server; }
};

class GitLabForwarder {
 public:
  // Takes over a listening socket. Errors: Fault::host.
  static Result<std::unique_ptr<GitLabForwarder>> start(LoopbackListener listener, ForwarderTarget target,
                                                        std::shared_ptr<const Broker> broker,
                                                        std::shared_ptr<HttpTransport> transport);
  ~GitLabForwarder();
  GitLabForwarder(const GitLabForwarder&) = delete;
  GitLabForwarder& operator=(const GitLabForwarder&) = delete;

  // What stands for the server's URL in the sandbox: "http://127.0.0.1:4711/gitlab".
  const std::string& url() const;

 private:
  struct State;
  explicit GitLabForwarder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
