#pragma once
// Credentials of a job that no sandbox ever holds: each is a value bound to hosts, and what the job sees instead is a
// placeholder. The gate puts the real value back only into requests that it makes itself, to a host the value belongs
// to.
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace scangate {

// Shorter values are left alone: replacing every "root" or "1234" in a script would break it and hide nothing.
inline constexpr std::size_t kMinSecretBytes = 8;
// A job's secrets times their encodings; GitLab's own limit for masked variables is far below.
inline constexpr std::size_t kMaxSecrets = 1'000;

// Thread-safe: commands of a job run at once, and some (aws ecr get-login-password) make new credentials.
class Broker {
 public:
  // `hosts`: "registry.example", "127.0.0.1:5000", or "*.example" for every host below; lower case, no scheme. A value
  // that is known already gets the hosts added. `users` are the names it is written with as "user:value" in base64.
  void add(std::string_view value, const std::vector<std::string>& hosts, const std::vector<std::string>& users = {});

  // Every value in `text`, plain or in the encodings that scripts and files use (shell quoting once and twice, JSON,
  // URL, base64 alone and behind a user name), becomes its placeholder in the same encoding.
  std::string conceal(std::string_view text) const;

  // The other way, for a value that goes to `host` ("registry.example:5000"): placeholders of secrets bound to it
  // become real, all others stay.
  std::string reveal(std::string_view text, std::string_view host) const;

  // True when the text holds a real value in any known encoding: for checks before something leaves.
  bool holds_secret(std::string_view text) const;

  // True also for what stands for one: for texts that go to others than the job, to whom neither says anything.
  bool holds_secret_or_placeholder(std::string_view text) const;

  bool empty() const;
  // For every secret that may go to `host`: the user names it is written with, each with the placeholder.
  std::vector<std::pair<std::string, std::string>> logins(std::string_view host) const;
  // Bytes of the longest text that conceal() looks for: how far one may reach over the end of a piece.
  std::size_t longest_encoding() const;
  // What the job sees in place of `value`; the value itself when it is none of ours.
  std::string placeholder(std::string_view value) const;

 private:
  mutable std::shared_mutex mutex_;  // of the two below
  struct Secret {
    std::string value;
    std::string placeholder;
    std::vector<std::string> hosts;
    std::vector<std::string> users;
  };
  std::vector<Secret> secrets_;
  std::vector<std::pair<std::string, std::string>>
      encodings_;  // text with a value, text with its placeholder; longest first
};

// True when `host` is one of the patterns; ports count, so a value for "h" does not go to "h:8080".
bool host_matches(std::string_view host, const std::vector<std::string>& patterns);

}  // namespace scangate
