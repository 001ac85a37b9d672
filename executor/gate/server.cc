#include "executor/gate/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include "executor/wire/wire.h"

namespace scangate {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Waits until `fd` is readable; false when the deadline passed or the server stops.
bool readable(int fd, int stop_fd, SteadyClock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> waits{{{fd, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
    const int ready = poll(waits.data(), waits.size(), static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0 || waits[1].revents != 0) return false;
    if (waits[0].revents != 0) return true;
  }
}

// The header with its descriptors. More descriptors than agreed are closed and the request refused.
bool receive_header(int fd, int stop_fd, SteadyClock::time_point deadline, std::string& header, std::vector<UniqueFd>& descriptors) {
  if (!readable(fd, stop_fd, deadline)) return false;
  std::array<char, wire::kHeaderBytes> buffer{};
  iovec piece{buffer.data(), buffer.size()};
  // Room for many more than agreed, so that a hostile sender's surplus is received and closed instead of truncated.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 253)> control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t number = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < number; ++i) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      descriptors.emplace_back(received);
    }
  }
  if (count <= 0) return false;
  header.assign(buffer.data(), static_cast<std::size_t>(count));
  return (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
}

bool receive(int fd, int stop_fd, SteadyClock::time_point deadline, std::size_t wanted, std::string& text) {
  std::array<char, 65536> buffer{};
  while (text.size() < wanted) {
    if (!readable(fd, stop_fd, deadline)) return false;
    const ssize_t count = read(fd, buffer.data(), std::min(buffer.size(), wanted - text.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

struct GateServer::State {
  std::filesystem::path socket;
  UniqueFd listener;
  UniqueFd stop_event;  // readable for ever once the server stops
  Service service;
  std::thread acceptor;
  std::mutex mutex;
  std::condition_variable finished;
  int running = 0;
  bool stopping = false;
  std::list<Cancel> cancels;

  void accept_loop() {
    for (;;) {
      {
        std::unique_lock lock(mutex);
        finished.wait(lock, [&] { return stopping || running < kMaxGateRequests; });
        if (stopping) return;
      }
      // The wait ends by a request, by the stop, or after an hour only to be taken up again.
      if (!readable(listener.get(), stop_event.get(), SteadyClock::now() + std::chrono::hours(1))) continue;
      UniqueFd connection(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) continue;
      {
        const std::lock_guard lock(mutex);
        ++running;
      }
      std::thread([this, taken = std::move(connection)]() mutable {
        serve(std::move(taken));
        const std::lock_guard lock(mutex);
        --running;
        finished.notify_all();
      }).detach();  // the destructor waits for running == 0
    }
  }

  void serve(UniqueFd connection) {
    const auto deadline = SteadyClock::now() + std::chrono::milliseconds(kGateRequestTimeoutMs);
    std::string header;
    std::vector<UniqueFd> descriptors;
    if (!receive_header(connection.get(), stop_event.get(), deadline, header, descriptors)) return;
    if (!receive(connection.get(), stop_event.get(), deadline, wire::kHeaderBytes, header)) return;
    const auto size = wire::decode_header(header);
    if (!size || descriptors.size() != wire::kDescriptors) return;
    std::string payload;
    if (!receive(connection.get(), stop_event.get(), deadline, *size, payload)) return;
    auto decoded = wire::decode(payload);
    if (!decoded) return;

    GateRequest request{.arguments = std::move(decoded->arguments),
                        .environment = std::move(decoded->environment),
                        .directory = std::move(decoded->directory),
                        .input = std::move(descriptors[0]),
                        .output = std::move(descriptors[1]),
                        .error = std::move(descriptors[2]),
                        .root = std::move(descriptors[3])};
    std::list<Cancel>::iterator cancel;
    {
      const std::lock_guard lock(mutex);
      cancel = cancels.emplace(cancels.end());
    }
    // Watches for the shim's end while the service works.
    const UniqueFd done(eventfd(0, EFD_CLOEXEC));
    std::thread watcher([&] {
      for (;;) {
        std::array<pollfd, 3> waits{{{connection.get(), POLLIN | POLLRDHUP, 0}, {done.get(), POLLIN, 0}, {stop_event.get(), POLLIN, 0}}};
        if (poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) continue;
        if (waits[1].revents != 0) return;
        cancel->cancel();
        return;
      }
    });
    const int code = service(request, *cancel);
    const std::uint64_t one = 1;
    static_cast<void>(!::write(done.get(), &one, sizeof one));
    watcher.join();
    // The job's streams are closed before the answer: a reader at the other end of a pipe sees the end no later than the exit code.
    request = GateRequest{};
    const std::string reply = wire::encode_u32(static_cast<std::uint32_t>(code));
    static_cast<void>(send(connection.get(), reply.data(), reply.size(), MSG_NOSIGNAL));
    const std::lock_guard lock(mutex);
    cancels.erase(cancel);
  }
};

GateServer::GateServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<GateServer>> GateServer::start(const std::filesystem::path& socket, Service service) {
  auto state = std::make_unique<State>();
  state->socket = socket;
  state->service = std::move(service);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof address.sun_path)
    return fail(Error(Fault::host, fmt::format("the gate's socket path is longer than {} bytes: {}", sizeof address.sun_path - 1, path))
                    .remedy("choose a shorter store path"));
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ::unlink(path.c_str());
  state->listener = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  state->stop_event = UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!state->listener || !state->stop_event) return fail(host_error("cannot make the gate's socket", errno));
  if (bind(state->listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(host_error("cannot bind the gate's socket " + path, errno));
  if (chmod(path.c_str(), 0666) != 0 || listen(state->listener.get(), 128) != 0) return fail(host_error("cannot listen at " + path, errno));
  State* raw = state.get();
  state->acceptor = std::thread([raw] { raw->accept_loop(); });
  return std::unique_ptr<GateServer>(new GateServer(std::move(state)));
}

GateServer::~GateServer() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(state_->stop_event.get(), &one, sizeof one));
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->finished.notify_all();
  }
  state_->acceptor.join();  // from here on no request can start; the running ones saw the event and cancel themselves
  {
    std::unique_lock lock(state_->mutex);
    state_->finished.wait(lock, [&] { return state_->running == 0; });
  }
  ::unlink(state_->socket.c_str());
}

}  // namespace scangate
