#include "base/loopback.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>

namespace scangate {

sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Result<LoopbackListener> listen_on_loopback(std::uint16_t port) {
  UniqueFd listening(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listening) return fail(host_error("cannot make a socket", errno));
  const int yes = 1;
  setsockopt(listening.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address = loopback_address(port);
  socklen_t size = sizeof address;
  if (bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      listen(listening.get(), SOMAXCONN) != 0 ||
      getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return fail(host_error(fmt::format("cannot listen on 127.0.0.1:{}", port), errno));
  return LoopbackListener{.socket = std::move(listening), .port = ntohs(address.sin_port)};
}

}  // namespace scangate
