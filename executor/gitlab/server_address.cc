#include "executor/gitlab/server_address.h"

#include "base/text.h"

namespace scangate {
namespace {

// Scheme and host with its port, in lower case; the port that the scheme has anyway is left out.
ServerAddress address_of(std::string_view scheme, std::string_view host) {
  ServerAddress out{.scheme = to_lower(scheme), .host = to_lower(host), .root = {}};
  const std::string_view own_port = out.scheme == "https" ? ":443" : ":80";
  if (out.host.ends_with(own_port)) out.host.resize(out.host.size() - own_port.size());
  return out;
}

}  // namespace

std::optional<ServerAddress> server_origin(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  std::string_view host = url.substr(scheme + 3);
  if (host.ends_with('/')) host.remove_suffix(1);
  static constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
  if (host.empty() || host.find_first_not_of(kCharacters) != std::string_view::npos) return std::nullopt;
  ServerAddress out = address_of(url.substr(0, scheme), host);
  if (out.scheme != "https" && out.scheme != "http") return std::nullopt;
  return out;
}

Result<ServerAddress> server_address(std::string_view repository_url, std::string_view project_path) {
  const auto broken = [&](const char* why) {
    return fail(Error(Fault::host, fmt::format("the job's repository URL {} {}", redact(repository_url), why))
                    .remedy("GitLab sends it with every job: check the runner's version"));
  };
  const std::size_t scheme = repository_url.find("://");
  if (scheme == std::string_view::npos) return broken("has no scheme");
  const std::string_view rest = repository_url.substr(scheme + 3);
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return broken("has no path");
  std::string_view authority = rest.substr(0, slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  ServerAddress out = address_of(repository_url.substr(0, scheme), authority);
  if (out.scheme != "https" && out.scheme != "http") return broken("is neither http nor https");
  if (out.host.empty()) return broken("has no host");
  std::string_view path = rest.substr(slash);
  if (path.ends_with(".git")) path.remove_suffix(4);
  const std::string project = "/" + std::string(project_path);
  if (project_path.empty() || !path.ends_with(project)) return broken("does not end with the project's path");
  out.root = std::string(path.substr(0, path.size() - project.size()));
  return out;
}

}  // namespace scangate
