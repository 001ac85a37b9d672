#include "executor/gate/port_relay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <list>
#include <vector>

#include "base/loopback.h"

namespace scangate {
namespace {

constexpr std::size_t kBufferBytes = 64U << 10U;

// In a thread of its own, whose network it changes. Nothing where IPv6 is switched off.
UniqueFd listen_v6(int namespace_fd, std::uint16_t port) {
  if (namespace_fd >= 0 && setns(namespace_fd, CLONE_NEWNET) != 0) return {};
  UniqueFd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = in6addr_loopback;
  const int yes = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), SOMAXCONN) != 0)
    return {};
  return fd;
}

bool would_wait() {
  return errno == EAGAIN || errno == EINTR || errno == EINPROGRESS || errno == ENOTCONN;
}

// One direction of a connection. What was read and not yet written waits in the buffer; the end of one side is told to
// the other when the buffer is empty, so that half-closed connections work.
struct Flow {
  std::vector<char> buffer;
  bool ended = false;   // nothing comes any more
  bool closed = false;  // and the other side knows

  bool wants_read() const { return !ended && buffer.size() < kBufferBytes; }
  bool wants_write() const { return !buffer.empty() || (ended && !closed); }

  // False when the connection is broken.
  bool read_from(int fd) {
    std::array<char, kBufferBytes> piece{};
    const ssize_t count = recv(fd, piece.data(), kBufferBytes - buffer.size(), MSG_DONTWAIT);
    if (count < 0) return would_wait();
    if (count == 0) ended = true;
    buffer.insert(buffer.end(), piece.data(), piece.data() + count);
    return true;
  }
  bool write_to(int fd) {
    if (!buffer.empty()) {
      const ssize_t count = send(fd, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0) return would_wait();
      buffer.erase(buffer.begin(), buffer.begin() + count);
    }
    if (buffer.empty() && ended && !closed) {
      closed = true;
      shutdown(fd, SHUT_WR);
    }
    return true;
  }
};

struct Relayed {
  UniqueFd caller, server;
  Flow to_server, to_caller;

  bool done() const { return to_server.closed && to_caller.closed; }
  static short events(const Flow& reads, const Flow& writes) {
    return static_cast<short>((reads.wants_read() ? POLLIN : 0) | (writes.wants_write() ? POLLOUT : 0));
  }
  bool step(short caller_events, short server_events) {
    constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
    if ((caller_events & kReadable) != 0 && to_server.wants_read() && !to_server.read_from(caller.get())) return false;
    if ((server_events & kReadable) != 0 && to_caller.wants_read() && !to_caller.read_from(server.get())) return false;
    if ((server_events & POLLERR) != 0 || (caller_events & POLLERR) != 0) return false;
    if (to_server.wants_write() && (server_events & POLLOUT) != 0 && !to_server.write_to(server.get())) return false;
    return !(to_caller.wants_write() && (caller_events & POLLOUT) != 0) || to_caller.write_to(caller.get());
  }
};

}  // namespace

Result<std::unique_ptr<PortRelay>> PortRelay::start(const JobNetwork* network, std::uint16_t from, std::uint16_t to) {
  std::unique_ptr<PortRelay> out(new PortRelay);
  auto listening = network != nullptr ? network->listen_loopback(from) : listen_on_loopback(from);
  if (!listening)
    return fail(Fault::user, fmt::format("port {} cannot be published: {}", from, listening.error().cause()));
  out->listener_ = std::move(listening->socket);
  out->port_ = listening->port;
  fcntl(out->listener_.get(), F_SETFL, O_NONBLOCK);
  const int namespace_fd = network == nullptr ? -1 : network->namespace_fd();
  out->stop_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!out->stop_) return fail(host_error("cannot make an event", errno));
  out->namespace_fd_ = namespace_fd;
  std::thread([&] { out->listener6_ = listen_v6(namespace_fd, out->port_); }).join();
  out->thread_ = std::thread([relay = out.get(), to] { relay->serve(to); });
  return out;
}

PortRelay::~PortRelay() {
  const std::uint64_t one = 1;
  if (stop_) static_cast<void>(!::write(stop_.get(), &one, sizeof one));
  if (thread_.joinable()) thread_.join();
}

void PortRelay::serve(std::uint16_t to) {
  // For the sockets to the container; the thread does nothing else.
  if (namespace_fd_ >= 0 && setns(namespace_fd_, CLONE_NEWNET) != 0) return;
  std::list<Relayed> all;
  const sockaddr_in target = loopback_address(to);
  for (;;) {
    const bool room = all.size() < kMaxRelayed;
    std::vector<pollfd> waits = {
        {stop_.get(), POLLIN, 0}, {room ? listener_.get() : -1, POLLIN, 0}, {room ? listener6_.get() : -1, POLLIN, 0}};
    for (const auto& one : all) {
      // A side that is asked for nothing is left out: its end would be told again and again.
      const short caller = Relayed::events(one.to_server, one.to_caller);
      const short server = Relayed::events(one.to_caller, one.to_server);
      waits.push_back({caller == 0 ? -1 : one.caller.get(), caller, 0});
      waits.push_back({server == 0 ? -1 : one.server.get(), server, 0});
    }
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    std::size_t next = 3;
    for (auto one = all.begin(); one != all.end(); next += 2)
      if (!one->step(waits[next].revents, waits[next + 1].revents) || one->done())
        one = all.erase(one);
      else
        ++one;
    if (waits[1].revents == 0 && waits[2].revents == 0) continue;
    const int listener = waits[1].revents != 0 ? listener_.get() : listener6_.get();
    UniqueFd caller(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    UniqueFd server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!caller || !server) continue;
    if (connect(server.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0 && errno != EINPROGRESS)
      continue;  // nobody listens: the caller is told by the end of its connection
    all.push_back({.caller = std::move(caller), .server = std::move(server), .to_server = {}, .to_caller = {}});
  }
}

}  // namespace scangate
