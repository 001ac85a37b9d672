#pragma once
// TCP sockets on 127.0.0.1. ip(7).
#include <netinet/in.h>

#include <cstdint>

#include "base/error.h"
#include "base/fd.h"

namespace scangate {

sockaddr_in loopback_address(std::uint16_t port);

struct LoopbackListener {
  UniqueFd socket;  // blocking
  std::uint16_t port = 0;
};
// In the caller's network namespace. Port 0 takes a free one. A port whose last connections are not forgotten yet is
// taken again: who listened there may have been stopped a moment ago. Errors: Fault::host.
Result<LoopbackListener> listen_on_loopback(std::uint16_t port = 0);

}  // namespace scangate
