#pragma once
// A published port of a container: connections to one port of the job's loopback, handed to another.
#include <cstdint>
#include <memory>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "pipeline/sandbox/network.h"

namespace scangate {

// More connections to one port at once than a test makes; the next ones wait in the listen queue.
inline constexpr std::size_t kMaxRelayed = 256;

// Its end closes every connection. Thread-safe.
class PortRelay {
 public:
  // `from` 0 takes a free port. `network` outlives the object; null is the host's own. Errors: Fault::user when the
  // port is taken.
  static Result<std::unique_ptr<PortRelay>> start(const JobNetwork* network, std::uint16_t from, std::uint16_t to);
  ~PortRelay();
  PortRelay(const PortRelay&) = delete;
  PortRelay& operator=(const PortRelay&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  PortRelay() = default;
  void serve(std::uint16_t to);

  std::uint16_t port_ = 0;
  int namespace_fd_ = -1;
  UniqueFd listener_;
  UniqueFd listener6_;  // of ::1, which comes first for programs that try one address only; absent without IPv6
  UniqueFd stop_;       // an eventfd
  std::thread thread_;
};

}  // namespace scangate
