#include "executor/forward/job_gateway.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.h"
#include "executor/forward/proxy_exception.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// Where the forwarder listens: base/loopback.h.
constexpr std::string_view kLoopback = "127.0.0.1";

// Between a variable's "=" and its value stand only these, however often the runner quoted the script.
constexpr std::string_view kQuotes = "$'\"\\";

// `NAME=` and quotes and `from` becomes the same with `to`.
void replace_value(std::string& text, std::string_view name, std::string_view from, std::string_view to) {
  const std::string key = std::string(name) + "=";
  for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at)) {
    at += key.size();
    const std::size_t value = std::min(text.find_first_not_of(kQuotes, at), text.size());
    if (std::string_view(text).substr(value).starts_with(from)) text.replace(value, from.size(), to);
  }
}

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

Result<JobGateway> JobGateway::open(std::shared_ptr<const Broker> broker, std::optional<ForwarderTarget> target,
                                    LoopbackListener listener, std::shared_ptr<HttpTransport> transport) {
  JobGateway out;
  out.broker_ = std::move(broker);
  if (!target) return out;
  out.server_ = target->server;
  out.project_path_ = target->project_path;
  out.git_urls_ = {target->server.url() + "/"};
  if (target->reached_at) out.git_urls_.push_back(target->reached_at->url() + "/");
  out.git_urls_.insert(out.git_urls_.end(), target->also_called.begin(), target->also_called.end());
  SCANGATE_TRY(out.forwarder_,
               GitLabForwarder::start(std::move(listener), std::move(*target), out.broker_, std::move(transport)));
  return out;
}

std::string JobGateway::script(std::string_view text) const {
  std::string out = broker_->conceal(text);
  if (forwarder_) {
    replace_value(out, "CI_API_V4_URL", server_->url() + "/api/v4", url() + "/api/v4");
    replace_value(out, "CI_API_GRAPHQL_URL", server_->url() + "/api/graphql", url() + "/api/graphql");
    out = with_proxy_exception(std::move(out), kLoopback);
  }
  return out;
}

Result<UniqueFd> JobGateway::script_file(std::string_view text) const {
  UniqueFd fd(memfd_create("job-script", MFD_CLOEXEC));
  if (!fd) return fail(host_error("cannot make a file in memory", errno));
  SCANGATE_CHECK(write_fd(fd.get(), as_bytes(script(text)), "the job's script"));
  if (lseek(fd.get(), 0, SEEK_SET) != 0) return fail(host_error("cannot rewind the job's script", errno));
  return fd;
}

std::vector<std::string> JobGateway::environment() const {
  if (!forwarder_) return {};
  std::vector<std::pair<std::string, std::string>> config;
  const std::string place = url().substr(std::string_view("http://").size()) + "/";
  for (const auto& url : git_urls_)
    config.emplace_back("url.http://" + place + ".insteadOf", url);
  for (const auto& [user, placeholder] : broker_->logins(server_->host)) {
    const std::string login = user + ":" + placeholder + "@";
    for (std::string url : git_urls_) {
      if (!url.starts_with("http")) continue;
      url.insert(url.find("://") + 3, login);
      config.emplace_back("url.http://" + login + place + ".insteadOf", std::move(url));
    }
  }
  config.emplace_back("http.http://" + place + ".proxy", "");  // a proxy of the job's cannot reach its loopback
  std::vector<std::string> out = {fmt::format("GIT_CONFIG_COUNT={}", config.size())};
  for (std::size_t i = 0; i < config.size(); ++i) {
    out.push_back(fmt::format("GIT_CONFIG_KEY_{}={}", i, config[i].first));
    out.push_back(fmt::format("GIT_CONFIG_VALUE_{}={}", i, config[i].second));
  }
  return out;
}

Result<void> JobGateway::add_git_config(const fs::path& folder) const {
  if (!forwarder_) return {};
  std::string text = "# Read before the repository's own configuration; see git-config(1), GIT_CONFIG_SYSTEM.\n";
  const auto logins = broker_->logins(server_->host);
  const std::string login = logins.empty() ? "" : logins[0].first + ":" + logins[0].second + "@";
  const std::string place = login + url().substr(std::string_view("http://").size());
  // What would need quoting is none of GitLab's: its paths are letters, digits, '_', '-', '.' and '/'.
  const auto rewrite = [&](const std::string& from, const std::string& path) {
    if ((from + path).find_first_of("\"\\\n") != std::string::npos) return;
    text += fmt::format("[url \"http://{}/{}\"]\n\tinsteadOf = \"{}{}\"\n", place, path, from, path);
  };
  for (const auto& url : git_urls_) {
    rewrite(url, "");
    if (!project_path_.empty()) rewrite(url, project_path_ + ".git");
  }
  text += "[include]\n\tpath = /etc/gitconfig\n";
  SCANGATE_CHECK(make_directories(folder));
  return write_file_atomic(folder / "gitconfig", as_bytes(text), 0644);
}

Result<void> JobGateway::add_runner_command(const fs::path& folder, const fs::path& program) const {
  if (!forwarder_) return {};
  SCANGATE_CHECK(make_directories(folder / "bin"));
  const std::string text = fmt::format(
      "#!/bin/sh\n"
      "# Artifact requests of the runner go through the job's forwarder, which holds the job token; this command does "
      "not.\n"
      "case \"${{1:-}}\" in artifacts-uploader|artifacts-downloader) ;; *) exec {0} \"$@\" ;; esac\n"
      "previous=\n"
      "for argument; do\n"
      "  shift\n"
      "  if [ \"$previous\" = --url ]; then previous= argument={1}; else previous=$argument; fi\n"
      "  set -- \"$@\" \"$argument\"\n"
      "done\n"
      "exec {0} \"$@\"\n",
      quoted(program.string()), quoted(url() + "/"));
  return write_file_atomic(folder / "bin/gitlab-runner", as_bytes(text), 0755);
}

}  // namespace scangate
