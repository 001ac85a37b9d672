#include "executor/engine/logins.h"

namespace scangate {

void Logins::add(const std::string& registry, Credentials credentials) {
  const std::lock_guard lock(mutex_);
  by_registry_[registry] = std::move(credentials);
}

bool Logins::remove(const std::string& registry) {
  const std::lock_guard lock(mutex_);
  return by_registry_.erase(registry) != 0;
}

void Logins::clear() {
  const std::lock_guard lock(mutex_);
  by_registry_.clear();
}

Result<std::optional<Credentials>> Logins::find(const std::string& registry, const std::string&) {
  const std::lock_guard lock(mutex_);
  const auto found = by_registry_.find(registry);
  return found == by_registry_.end() ? std::nullopt : std::optional(found->second);
}

std::string login_registry(std::string_view server) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (server.starts_with(scheme)) server.remove_prefix(scheme.size());
  const std::string host(server.substr(0, server.find('/')));
  if (host.empty() || host == "index.docker.io" || host == "registry-1.docker.io") return "docker.io";
  return host;
}

}  // namespace scangate
