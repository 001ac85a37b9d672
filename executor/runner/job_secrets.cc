#include "executor/runner/job_secrets.h"

#include "base/base64.h"
#include "base/json/json.h"
#include "base/text.h"
#include "executor/engine/logins.h"

namespace scangate {
namespace {

// The names GitLab writes the job token with.
const std::vector<std::string> kTokenUsers = {"gitlab-ci-token"};

void add_docker_config(std::string_view text, Broker& broker) {
  const auto config = parse_json(text, "DOCKER_AUTH_CONFIG");
  if (!config) return;  // told when it is used
  for (const auto& [key, entry] : json_object(*config, "auths").items()) {
    const std::vector<std::string> hosts = {login_registry(key)};
    const std::string user = json_string(entry, "username");
    if (!user.empty()) broker.add(json_string(entry, "password"), hosts, {user});
    broker.add(json_string(entry, "identitytoken"), hosts);
    if (const auto auth = base64_decode(json_string(entry, "auth"))) {
      if (const std::size_t colon = auth->find(':'); colon != std::string::npos)
        broker.add(auth->substr(colon + 1), hosts, {auth->substr(0, colon)});
    }
  }
}

// The URLs that GIT_SUBMODULE_FORCE_HTTPS means. The runner's own rewrites of them lead to the server without the
// forwarder, since git follows one rewrite and not two.
std::vector<std::string> ssh_urls(const JobResponse& job, const std::string& server_host) {
  const std::string force = to_lower(job.variable("GIT_SUBMODULE_FORCE_HTTPS").value_or(""));
  if (force != "true" && force != "1" && force != "t") return {};
  std::string host = job.variable("CI_SERVER_SHELL_SSH_HOST").value_or("");
  if (host.empty()) host = job.variable("CI_SERVER_HOST").value_or("");
  if (host.empty()) host = server_host.substr(0, server_host.find(':'));
  const std::string port = job.variable("CI_SERVER_SHELL_SSH_PORT").value_or("");
  if (!port.empty() && port != "22") return {fmt::format("ssh://git@{}:{}/", host, port)};
  return {fmt::format("git@{}:", host), fmt::format("ssh://git@{}/", host)};
}

}  // namespace

std::shared_ptr<Broker> job_secrets(const JobResponse& job, const ServerAddress* server, const Settings& settings) {
  auto made = std::make_shared<Broker>();
  Broker& broker = *made;
  std::vector<std::string> registries;
  for (const auto& credential : job.credentials)
    if (credential.type == "registry") registries.push_back(login_registry(credential.url));
  std::vector<std::string> instance = registries;
  if (server != nullptr) instance.push_back(server->host);

  broker.add(job.token, instance, kTokenUsers);
  for (const auto& credential : job.credentials)
    if (credential.type == "registry")
      broker.add(credential.password, {login_registry(credential.url)}, {credential.username});
  const auto user_of = [&](std::string_view name) {
    return std::vector<std::string>{job.variable(name).value_or("gitlab-ci-token")};
  };
  for (const auto& variable : job.variables) {
    // Predefined variables that hold a token; a project that sets them to something else only hides its own value.
    if (variable.key == "CI_JOB_TOKEN" || variable.key == "CI_DEPENDENCY_PROXY_PASSWORD")
      broker.add(variable.value, instance, kTokenUsers);
    if (variable.key == "CI_REGISTRY_PASSWORD") broker.add(variable.value, registries, user_of("CI_REGISTRY_USER"));
    if (variable.key == "CI_DEPLOY_PASSWORD") broker.add(variable.value, instance, user_of("CI_DEPLOY_USER"));
    if (variable.key == "DOCKER_AUTH_CONFIG") add_docker_config(variable.value, broker);
    if (const auto hosts = settings.brokered.find(variable.key);
        hosts != settings.brokered.end() && !hosts->second.empty())
      broker.add(variable.value, hosts->second);
  }
  return made;
}

std::optional<ForwarderTarget> forwarder_target(const JobResponse& job, const Settings& settings, Progress& progress) {
  auto server = server_address(job.repository_url, job.project_path);
  if (!server) {
    progress.line(Level::debug, "no forwarder to GitLab: " + server.error().text());
    return std::nullopt;
  }
  ForwarderTarget target{.server = std::move(*server),
                         .reached_at = settings.gitlab_url,
                         .also_called = ssh_urls(job, server->host),
                         .ca_file = {},
                         .verify_certificates = true,
                         .project_path = job.project_path};
  if (target.reached_at) target.reached_at->root = target.server.root;
  if (const auto host = settings.registries.hosts.find(target.place().host); host != settings.registries.hosts.end()) {
    target.ca_file = host->second.ca_file;
    target.verify_certificates = host->second.verify_certificates;
  }
  return target;
}

}  // namespace scangate
