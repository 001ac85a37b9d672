#pragma once
// The program that connects a network namespace with the outside. Private to this folder.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"

namespace scangate {

struct NetworkProgram {
  std::string name;
  std::vector<std::string>
      argv;  // the namespace's file, kNamespaceFile in its own folder, comes where `namespace_at` says
  std::size_t namespace_at = 0;
  bool leaves_when_ready = false;  // goes into the background then; else it writes to kReadyFd
  std::string name_server;         // where it takes DNS requests for the host's own servers
};

inline constexpr int kReadyFd = 3;

// The ones we know, best first: pasta, slirp4netns. `host_loopback_ports` leaves out those that cannot offer them.
std::vector<NetworkProgram> network_programs(const std::vector<std::uint16_t>& host_loopback_ports);

class NetworkHelper {
 public:
  NetworkHelper(NetworkProgram program, int namespace_fd, std::filesystem::path run_folder, ProcessRunner& runner);
  ~NetworkHelper();
  NetworkHelper(const NetworkHelper&) = delete;
  NetworkHelper& operator=(const NetworkHelper&) = delete;

  // Before start(): the keeper's socket, for a network that may outlive us.
  void listen(UniqueFd listening) { listening_ = std::move(listening); }
  // Returns when it is ready. Errors: Fault::host with what it said.
  Result<void> start();
  // Our end is not its end any more.
  void release();

 private:
  void stop();
  std::string said() const;

  NetworkProgram program_;
  int namespace_fd_;
  std::filesystem::path run_folder_;
  ProcessRunner& runner_;
  UniqueFd listening_;
  UniqueFd log_;
  UniqueFd life_;  // the keeper ends when this end closes
  // The thread's, which a released helper outlives us with.
  struct Run {
    Cancel cancel;
    std::string failure;
  };
  std::shared_ptr<Run> run_ = std::make_shared<Run>();
  std::thread thread_;
};

}  // namespace scangate
