#pragma once
// Requests to registries: authorised, tried again where that helps.
#include <functional>

#include "pipeline/registry/auth.h"

namespace scangate {

struct Answer {
  HttpReply head;
  std::string body;  // capped; empty when it went to a sink
};

// Waits between attempts: doubling with jitter, or as long as Retry-After says.
class Backoff {
 public:
  Backoff(const RegistrySettings& settings, int attempts) : settings_(settings), left_(attempts - 1) {}
  // False when the attempts are used up; Errors: stopped on request.
  Result<bool> wait(const std::string& retry_after, const Cancel& cancel);

 private:
  const RegistrySettings& settings_;
  int left_;
  int done_ = 0;
};

class RegistryClient {
 public:
  RegistryClient(const RegistrySettings& settings, Authorizer& authorizer, HttpTransport& transport)
      : settings_(settings), authorizer_(authorizer), transport_(transport) {}

  const RegistrySettings& settings() const { return settings_; }

  // Once, plus once more with new credentials after a 401. `request` has method, url, headers and body; the rest is set
  // here. With `sink`, the body of a 200 goes there.
  Result<Answer> once(const Endpoint& endpoint, const Access& access, HttpRequest request, const Cancel& cancel,
                      ByteSink* sink = nullptr) const;
  // The same with attempts and waits in between, for requests that may be repeated and bodies that are kept.
  Result<Answer> call(const Endpoint& endpoint, const Access& access, const HttpRequest& request,
                      const Cancel& cancel) const;

 private:
  const RegistrySettings& settings_;
  Authorizer& authorizer_;
  HttpTransport& transport_;
};

}  // namespace scangate
