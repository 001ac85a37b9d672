#include "pipeline/build/ssh_relay.h"

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
#include <list>
#include <optional>
#include <string>
#include <thread>

#include "base/file.h"

namespace scangate::build {
namespace {

constexpr unsigned char kFailure = 5;
constexpr unsigned char kRequestIdentities = 11;
constexpr unsigned char kSignRequest = 13;
constexpr std::size_t kLengthBytes = 4;

// A socket's address has 108 bytes, and paths of stores are longer: it is reached through the descriptor of its folder.
Result<sockaddr_un> address_of(const UniqueFd& folder, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}{}{}", folder.get(), name.empty() ? "" : "/", name);
  if (path.size() >= sizeof address.sun_path) return fail(Fault::host, "the name of the agent's socket is too long");
  path.copy(address.sun_path, path.size());
  return address;
}

Result<UniqueFd> connect_to(const std::filesystem::path& agent) {
  SCANGATE_TRY(const UniqueFd named, open_file(agent, O_PATH));
  SCANGATE_TRY(const auto address, address_of(named, ""));
  UniqueFd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out || ::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(host_error("cannot connect to the ssh agent", errno));
  return out;
}

// One conversation. Every wait ends when `stop` becomes readable.
class Conversation {
 public:
  Conversation(int client, int stop, const std::filesystem::path& agent)
      : client_(client), stop_(stop), agent_path_(agent) {}

  void run() {
    while (const auto request = message_from(client_)) {
      const auto type = static_cast<unsigned char>((*request)[kLengthBytes]);
      std::optional<std::string> reply;
      if (type == kRequestIdentities || type == kSignRequest) reply = ask_agent(*request);
      if (!reply) reply = std::string{'\0', '\0', '\0', '\1', static_cast<char>(kFailure)};
      if (!send_to(client_, *reply)) return;
    }
  }

 private:
  std::optional<std::string> ask_agent(const std::string& request) {
    if (!agent_) {
      auto connected = connect_to(agent_path_);
      if (!connected) return std::nullopt;
      agent_ = std::move(*connected);
    }
    if (!send_to(agent_.get(), request)) return std::nullopt;
    auto reply = message_from(agent_.get());
    if (!reply) agent_.reset();
    return reply;
  }

  bool wait_for(int fd, short events) const {
    for (;;) {
      std::array<pollfd, 2> both = {{{fd, events, 0}, {stop_, POLLIN, 0}}};
      if (::poll(both.data(), both.size(), -1) < 0) {
        if (errno == EINTR) continue;
        return false;
      }
      if (both[1].revents != 0) return false;
      if (both[0].revents != 0) return true;
    }
  }

  bool read_exactly(int fd, char* to, std::size_t count) const {
    while (count > 0) {
      if (!wait_for(fd, POLLIN)) return false;
      const ssize_t got = ::recv(fd, to, count, MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got <= 0) return false;
      to += got;
      count -= static_cast<std::size_t>(got);
    }
    return true;
  }

  bool send_to(int fd, const std::string& text) const {
    std::size_t sent = 0;
    while (sent < text.size()) {
      if (!wait_for(fd, POLLOUT)) return false;
      const ssize_t count = ::send(fd, text.data() + sent, text.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

  // With its length in front; nullopt at the end, and for what is no message.
  std::optional<std::string> message_from(int fd) const {
    std::array<unsigned char, kLengthBytes> length{};
    if (!read_exactly(fd, reinterpret_cast<char*>(length.data()), length.size())) return std::nullopt;
    std::size_t size = 0;
    for (const unsigned char byte : length)
      size = (size << 8U) | byte;
    if (size == 0 || size > kMaxAgentMessage) return std::nullopt;
    std::string out(length.begin(), length.end());
    out.resize(kLengthBytes + size);
    if (!read_exactly(fd, out.data() + kLengthBytes, size)) return std::nullopt;
    return out;
  }

  int client_;
  int stop_;
  const std::filesystem::path& agent_path_;
  UniqueFd agent_;
};

}  // namespace

struct SshRelay::State {
  std::filesystem::path agent;
  UniqueFd listener;
  UniqueFd stop;  // readable once it is time to end; never read
  std::thread acceptor;

  struct Served {
    std::thread thread;
    std::atomic<bool> ended = false;
  };
  std::list<Served> served;  // of the acceptor alone

  void accept_all() {
    for (;;) {
      std::array<pollfd, 2> both = {{{listener.get(), POLLIN, 0}, {stop.get(), POLLIN, 0}}};
      if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR) break;
      if (both[1].revents != 0) break;
      if ((both[0].revents & POLLIN) == 0) continue;
      UniqueFd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!client) continue;
      served.remove_if([](Served& each) {
        if (!each.ended) return false;
        each.thread.join();
        return true;
      });
      if (served.size() >= kMaxAgentConnections) continue;  // closed: the program sees no agent
      Served& one = served.emplace_back();
      one.thread = std::thread([this, &one, fd = std::move(client)] {
        Conversation(fd.get(), stop.get(), agent).run();
        one.ended = true;
      });
    }
    for (Served& each : served)
      each.thread.join();
  }
};

SshRelay::SshRelay(std::unique_ptr<State> state) : state_(std::move(state)) {}

SshRelay::~SshRelay() {
  const std::uint64_t one = 1;
  // An eventfd with room takes it at once.
  while (::write(state_->stop.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  state_->acceptor.join();
}

Result<std::unique_ptr<SshRelay>> SshRelay::start(const std::filesystem::path& agent,
                                                  const std::filesystem::path& socket, uid_t uid, gid_t gid,
                                                  mode_t mode) {
  auto state = std::make_unique<State>();
  state->agent = agent;
  state->stop = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  state->listener = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!state->stop || !state->listener) return fail(host_error("cannot make a socket for the ssh agent", errno));
  SCANGATE_TRY(const UniqueFd folder, open_file(socket.parent_path(), O_PATH | O_DIRECTORY));
  SCANGATE_TRY(const auto address, address_of(folder, socket.filename()));
  // Nobody else can be in its folder yet, so the owner and mode may come after the name.
  if (::bind(state->listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(state->listener.get(), static_cast<int>(kMaxAgentConnections)) != 0 ||
      ::chown(socket.c_str(), uid, gid) != 0 || ::chmod(socket.c_str(), mode) != 0)
    return fail(host_error("cannot make the socket " + socket.string(), errno));
  state->acceptor = std::thread([raw = state.get()] { raw->accept_all(); });
  return std::unique_ptr<SshRelay>(new SshRelay(std::move(state)));
}

}  // namespace scangate::build
