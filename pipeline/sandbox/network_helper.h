#pragma once
// The program that connects a network namespace with the outside. Private to this folder.
#include <cstdint>
#include <filesystem>
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

  // Returns when it is ready. Errors: Fault::host with what it said.
  Result<void> start();

 private:
  void stop();
  std::string said() const;

  NetworkProgram program_;
  int namespace_fd_;
  std::filesystem::path run_folder_;
  ProcessRunner& runner_;
  Cancel cancel_;
  UniqueFd log_;
  UniqueFd life_;  // the keeper ends when this end closes
  std::string failure_;
  std::thread thread_;
};

}  // namespace scangate
