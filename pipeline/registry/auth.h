#pragma once
// Authorization headers: Basic, and Bearer tokens from a realm. Docker token authentication ("spec/auth/token",
// "spec/auth/oauth").
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/http/http.h"
#include "pipeline/registry/challenge.h"
#include "pipeline/registry/endpoint.h"

namespace scangate {

// What a request wants to do; decides the token's scope.
struct Access {
  bool push = false;
  std::string mount_from;  // further repository to read
  std::vector<std::string> scopes(const std::string& repository) const;
};

// Remembers what each host asks for, and the tokens. Thread-safe.
class Authorizer {
 public:
  // `settings` outlive it.
  Authorizer(const RegistrySettings& settings, std::shared_ptr<CredentialSource> credentials,
             std::shared_ptr<HttpTransport> transport);

  // The header's value for a request, from what is known of the host: empty when it has asked for nothing yet. Gets a
  // new token when the known one is about to expire.
  Result<std::string> header(const Endpoint& endpoint, const Access& access, const Cancel& cancel);
  // To be called after a 401 to a request that had `used` as header: learns the challenge and drops the token. Errors:
  // Fault::user when there are no credentials, or a token server refused them.
  Result<void> challenged(const Endpoint& endpoint, const Access& access, const HttpReply& reply, std::string_view body,
                          const std::string& used, const Cancel& cancel);

 private:
  struct Token {
    std::string value;
    std::chrono::steady_clock::time_point renew_at;
  };
  Result<std::string> basic(const Endpoint& endpoint);
  Result<std::string> bearer(const Endpoint& endpoint, const Challenge& challenge, const Access& access,
                             const Cancel& cancel);
  Result<Token> fetch_token(const Endpoint& endpoint, const Url& realm, const std::string& service,
                            const std::vector<std::string>& scopes, const Cancel& cancel);

  const RegistrySettings& settings_;
  std::shared_ptr<CredentialSource> credentials_;
  std::shared_ptr<HttpTransport> transport_;
  std::mutex mutex_;
  std::map<std::string, Challenge> challenges_;  // by registry
  std::map<std::string, Token> tokens_;          // by registry, repository, realm, service and scopes
  std::mutex fetching_;                          // one token at a time: parallel blobs want the same
};

}  // namespace scangate
