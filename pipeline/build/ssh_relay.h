#pragma once
// An ssh agent lent to one RUN step. draft-miller-ssh-agent, section 3 (requests) and 5 (numbers).
#include <sys/types.h>

#include <filesystem>
#include <memory>

#include "base/error.h"

namespace scangate::build {

// OpenSSH's own limit of one message is 256 KB.
inline constexpr std::size_t kMaxAgentMessage = 256U << 10U;
// Programs of one step that hold the agent at once; git over ssh uses one each.
inline constexpr std::size_t kMaxAgentConnections = 64;

// Listens at a socket of its own and passes on what a step needs of an agent: the list of keys, and signatures.
// Anything else (adding and removing keys, locking, extensions) is refused here: a step may use the keys, not change
// them. Its threads end with it.
class SshRelay {
 public:
  // `agent`: the socket that the agent listens at; asked when the first program connects. `socket`: made here, in a
  // folder that is there. Errors: Fault::host.
  static Result<std::unique_ptr<SshRelay>> start(const std::filesystem::path& agent,
                                                 const std::filesystem::path& socket, uid_t uid, gid_t gid,
                                                 mode_t mode);
  ~SshRelay();
  SshRelay(const SshRelay&) = delete;
  SshRelay& operator=(const SshRelay&) = delete;

 private:
  struct State;
  explicit SshRelay(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate::build
