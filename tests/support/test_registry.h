#pragma once
// A strict registry in memory, for what a real one cannot be told to do: faults, expiring tokens, odd answers. OCI
// distribution-spec v1.1.
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/digest.h"
#include "tests/support/http_server.h"

namespace scangate::test {

class TestRegistry {
 public:
  enum class Auth { none, basic, bearer };
  struct Options {
    Auth auth = Auth::none;
    std::string user = "user";
    std::string password = "s3cret";
    int token_uses = 1'000'000;  // then a token is refused
    bool mounts = true;
    std::string realm;  // another than our own
  };
  struct Stored {
    std::string type;
    std::string text;
  };

  TestRegistry() : TestRegistry(Options()) {}
  explicit TestRegistry(Options options);

  HttpServer& server() { return server_; }
  std::string host() const { return server_.host(); }

  // Is asked before the registry: an answer of its own, or nullopt to go on.
  using Fault = std::function<std::optional<ServerReply>(const ServerRequest&)>;
  void set_fault(Fault fault);
  // Answers the first `times` requests of this method whose path contains `part` with `reply`.
  void fail_times(int times, std::string method, std::string part, ServerReply reply);

  bool has_blob(const std::string& repository, const Digest& digest) const;
  std::optional<Stored> manifest(const std::string& repository, const std::string& reference) const;
  void put_blob(const std::string& repository, const std::string& content);
  void put_manifest(const std::string& repository, const std::string& reference, const std::string& type,
                    const std::string& text);
  // What clients did wrong.
  std::vector<std::string> complaints() const;
  // Requests of one method whose path contains `part`.
  int count(const std::string& method, const std::string& part) const;
  int tokens_given() const { return tokens_given_; }

 private:
  ServerReply handle(const ServerRequest& request);
  ServerReply token(const ServerRequest& request);
  bool authorized(const ServerRequest& request, const std::string& repository, ServerReply& refusal);
  ServerReply uploads(const ServerRequest& request, const std::string& repository, const std::string& session);
  ServerReply blobs(const ServerRequest& request, const std::string& repository, const std::string& digest);
  ServerReply manifests(const ServerRequest& request, const std::string& repository, const std::string& reference);
  void complain(const std::string& what) { complaints_.push_back(what); }

  Options options_;
  mutable std::mutex mutex_;
  Fault fault_;
  struct Rule {
    int left;
    std::string method, part;
    ServerReply reply;
  };
  std::vector<Rule> rules_;
  std::map<std::string, std::string> contents_;         // by digest
  std::map<std::string, std::set<std::string>> blobs_;  // digests by repository
  std::map<std::string, std::map<std::string, Stored>> manifests_;
  struct Session {
    std::string repository;
    std::string received;
  };
  std::map<std::string, Session> sessions_;
  struct Token {
    std::string scopes;
    int uses = 0;
  };
  std::map<std::string, Token> tokens_;
  int next_ = 1;
  std::atomic<int> tokens_given_{0};
  std::vector<std::string> complaints_;
  HttpServer server_;  // last: its threads use the rest
};

}  // namespace scangate::test
