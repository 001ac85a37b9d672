#pragma once
// The process beside a job's network: it holds the helper program, and for a kept network hands the namespace to later
// processes. Private to this folder.
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace scangate {

// What runs as the first process of a pid namespace: it starts the helper as a child and outlives it. When it ends, the
// kernel ends everything in the namespace; so the helper may go into the background and change its user, which clears
// its own death signal (prctl(2)), and still cannot be left behind. It ends with the process that started it, or, once
// told so through `listen_fd`, with the one behind `owner_fd`. Prepared strings and bare system calls only.
struct NetworkKeeper {
  std::string folder;
  std::string file;
  std::string source;
  std::string name;  // of the helper program, told to clients; at most kMaxHelperName bytes
  int life_fd = -1;  // of a pipe: its other end closes with our process
  int ready_fd = -1;
  int listen_fd = -1;     // -1: cannot be kept
  int namespace_fd = -1;  // handed out through listen_fd
  int owner_fd = -1;      // a pidfd
  bool leaves_when_ready = false;

  int operator()() const;
};

// Talking to a keeper through the socket `network` in the job's folder, which only we can enter.
struct KeptNetwork {
  std::string helper;  // its program
  UniqueFd network_namespace;
  UniqueFd keeper;  // a pidfd
};
inline constexpr std::size_t kMaxHelperName = 32;
inline constexpr const char* kKeeperSocket = "network";

// For listen_fd. Replaces the socket of an earlier keeper.
Result<UniqueFd> listen_for_keeper(const std::filesystem::path& folder);
enum class KeeperOrder : char {
  hand = 'h',  // hand the namespace out
  keep = 'k',  // and live on with the owner, not with the process that started it
  end = 'e',   // and end: its pidfd tells when it has
};
// Errors: Fault::host when there is no keeper any more.
Result<KeptNetwork> ask_keeper(const std::filesystem::path& folder, KeeperOrder order);
// At most 5 s.
void wait_for_keeper(const UniqueFd& keeper);

}  // namespace scangate
