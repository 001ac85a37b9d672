#pragma once
// Credentials that come and go while a session runs: `docker login` and `docker logout`.
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "pipeline/registry/registry.h"

namespace scangate {

// Thread-safe.
class Logins final : public CredentialSource {
 public:
  void add(const std::string& registry, Credentials credentials);
  bool remove(const std::string& registry);
  void clear();
  Result<std::optional<Credentials>> find(const std::string& registry, const std::string& repository) override;

 private:
  std::mutex mutex_;
  std::map<std::string, Credentials> by_registry_;
};

// The registry a login names: empty and Docker Hub's old addresses are "docker.io"; a scheme and path are cut off.
std::string login_registry(std::string_view server);

}  // namespace scangate
