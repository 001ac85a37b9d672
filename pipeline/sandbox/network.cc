#include "pipeline/sandbox/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/sandbox/network_helper.h"
#include "pipeline/sandbox/network_keeper.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxResolvConfBytes = 1U << 20U;
// A listener on loopback answers at once; one whose queue is full does not answer at all.
constexpr int kConnectMilliseconds = 500;
// As long as the C library waits: resolv.conf(5).
constexpr int kNameServerMilliseconds = 5000;
constexpr const char* kRemedy = "install passt or slirp4netns, and see that /dev/net/tun exists";

// Runs `work` in a thread and gives its Result: what setns(2) and unshare(2) change of a thread ends with it.
Result<void> in_thread(const std::function<Result<void>()>& work) {
  Result<void> result;
  std::thread([&] { result = work(); }).join();
  return result;
}

Result<void> raise_loopback() {
  const UniqueFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!any) return fail(host_error("cannot make a socket", errno));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  if (ioctl(any.get(), SIOCGIFFLAGS, &request) != 0) return fail(host_error("cannot read the flags of lo", errno));
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(any.get(), SIOCSIFFLAGS, &request) != 0) return fail(host_error("cannot raise lo", errno));
  return {};
}

// As docker has it: services that run as another user than root may listen below 1024, and anyone may ping. Where the
// host does not let us, they cannot.
void relax_namespace() {
  const auto set = [](const char* file, std::string_view value) {
    if (const auto fd = open_file(file, O_WRONLY)) static_cast<void>(write_fd(fd->get(), as_bytes(value), file));
  };
  set("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
  set("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
}

// Whether processes of the host can enter what we make: no user namespace of our own is in between.
// user_namespaces(7).
bool in_first_user_namespace() {
  auto fields = split(trim(read_file("/proc/self/uid_map", kMaxResolvConfBytes).value_or("")), ' ');
  std::erase(fields, "");
  return fields == std::vector<std::string>{"0", "0", "4294967295"};
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

}  // namespace

// Named here so that the public header need not know it.
class JobNetwork::Helper final : public NetworkHelper {
  using NetworkHelper::NetworkHelper;
};

std::string resolv_conf_through(std::string_view host, std::string_view forwarder) {
  const std::string through = fmt::format("nameserver {}\n", forwarder);
  std::string out;
  bool placed = false;
  for (const auto& line : split(host, '\n')) {
    const std::string_view text = trim(line);
    if (text.empty()) continue;
    if (!text.starts_with("nameserver") || text.size() <= 10 || (text[10] != ' ' && text[10] != '\t')) {
      out += std::string(text) + "\n";
      continue;
    }
    const std::string_view address = trim(text.substr(10));
    // Two may name the same server, as a list of 127.0.0.53 and ::1 does.
    const bool forwarded = is_loopback(address) || (!placed && address.find(':') == std::string_view::npos);
    if (!forwarded) {
      out += std::string(text) + "\n";
    } else if (!placed) {
      placed = true;
      out += through;
    }
  }
  return placed ? out : out + through;
}

JobNetwork::JobNetwork() = default;
JobNetwork::~JobNetwork() = default;

Result<UniqueFd> JobNetwork::make_namespace() {
  UniqueFd made;
  const auto in_it = [&]() -> Result<void> {
    if (unshare(CLONE_NEWNET) != 0) return fail(host_error("cannot make a network namespace", errno));
    SCANGATE_CHECK(raise_loopback());
    relax_namespace();
    SCANGATE_TRY(made, open_file("/proc/thread-self/ns/net", O_RDONLY));
    return {};
  };
  SCANGATE_CHECK(in_thread(in_it));
  return made;
}

Result<std::unique_ptr<JobNetwork>> JobNetwork::make(const NetworkSettings& settings, ProcessRunner& runner) {
  std::unique_ptr<JobNetwork> network(new JobNetwork);
  if (settings.choice == NetworkChoice::host) {
    network->description_ = "host, as configured";
    return network;
  }
  auto made = make_namespace();
  if (settings.choice == NetworkChoice::none) {
    if (!made) return fail(std::move(made).error());
    network->namespace_ = std::move(*made);
    network->description_ = "none but loopback, as configured";
    return network;
  }
  std::string refused;
  if (!made) {
    refused = made.error().cause();
  } else {
    for (const auto& program : network_programs(settings.host_loopback_ports)) {
      auto helper = std::make_unique<Helper>(program, made->get(), settings.state_folder / "network", runner);
      if (settings.keep_in && in_first_user_namespace()) {
        if (auto listening = listen_for_keeper(*settings.keep_in)) {
          helper->listen(std::move(*listening));
          network->keep_in_ = *settings.keep_in;
        }
      }
      if (const auto started = helper->start(); !started) {
        refused += fmt::format("{}{}: {}", refused.empty() ? "" : "; ", program.name, started.error().cause());
        continue;
      }
      network->namespace_ = std::move(*made);
      network->helper_ = std::move(helper);
      network->use(program.name, program.name_server, settings);
      if (!refused.empty()) network->description_ += " (" + refused + ")";
      return network;
    }
  }
  if (settings.choice == NetworkChoice::own)
    return fail(
        Error(Fault::host, fmt::format("a job's network of its own does not work here: {}", refused)).remedy(kRemedy));
  network->description_ = "host (" + refused + ")";
  return network;
}

void JobNetwork::use(const std::string& helper_name, const std::string& name_server, const NetworkSettings& settings) {
  // Without the file the C library asks a server on the host's loopback: resolv.conf(5).
  const std::string servers = read_file(settings.name_servers, kMaxResolvConfBytes).value_or("");
  resolv_conf_ = resolv_conf_through(servers, name_server);
  name_server_ = name_server;
  description_ = fmt::format("own, through {}", helper_name);
}

std::unique_ptr<JobNetwork> JobNetwork::kept(const std::filesystem::path& folder, const NetworkSettings& settings) {
  auto kept = ask_keeper(folder, KeeperOrder::hand);
  if (!kept) return nullptr;
  for (const auto& program : network_programs(settings.host_loopback_ports)) {
    if (program.name != kept->helper) continue;
    std::unique_ptr<JobNetwork> network(new JobNetwork);
    network->namespace_ = std::move(kept->network_namespace);
    network->use(program.name, program.name_server, settings);
    return network;
  }
  return nullptr;
}

KeptNetworkEnd JobNetwork::end_kept(const std::filesystem::path& folder) {
  auto kept = ask_keeper(folder, KeeperOrder::end);
  return KeptNetworkEnd(kept ? std::move(kept->keeper) : UniqueFd());
}

KeptNetworkEnd::~KeptNetworkEnd() {
  if (keeper_) wait_for_keeper(keeper_);
}

Result<void> JobNetwork::keep() {
  if (!helper_ || keep_in_.empty()) return fail(Fault::host, "this network cannot be kept");
  SCANGATE_CHECK(ask_keeper(keep_in_, KeeperOrder::keep));
  helper_->release();
  return {};
}

Result<void> JobNetwork::enter(const std::function<Result<void>()>& work) const {
  if (!namespace_) return work();
  return in_thread([&]() -> Result<void> {
    if (setns(namespace_.get(), CLONE_NEWNET) != 0)
      return fail(host_error("cannot enter the job's network namespace", errno));
    return work();
  });
}

Result<LoopbackListener> JobNetwork::listen_loopback(std::uint16_t port) const {
  LoopbackListener listening;
  SCANGATE_CHECK(enter([&]() -> Result<void> {
    SCANGATE_TRY(listening, listen_on_loopback(port));
    return {};
  }));
  return listening;
}

Result<UniqueFd> JobNetwork::open_socket(int family, int type, int protocol) const {
  UniqueFd made;
  SCANGATE_CHECK(enter([&]() -> Result<void> {
    made = UniqueFd(socket(family, type | SOCK_CLOEXEC, protocol));
    if (!made) return fail(host_error("cannot make a socket", errno));
    return {};
  }));
  return made;
}

Result<bool> JobNetwork::accepts(std::uint16_t port) const {
  bool connected = false;
  SCANGATE_CHECK(enter([&]() -> Result<void> {
    const UniqueFd any(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!any) return fail(host_error("cannot make a socket", errno));
    const sockaddr_in address = loopback_address(port);
    if (connect(any.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      connected = true;
      return {};
    }
    if (errno != EINPROGRESS) return {};
    pollfd wait{any.get(), POLLOUT, 0};
    if (poll(&wait, 1, kConnectMilliseconds) != 1) return {};
    int error = 0;
    socklen_t size = sizeof error;
    connected = getsockopt(any.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
    return {};
  }));
  return connected;
}

bool JobNetwork::name_server_answers() const {
  if (name_server_.empty()) return false;
  // RFC 1035 section 4.1: id, recursion desired, one question: the root's name servers, which every resolver knows.
  constexpr std::array<unsigned char, 17> kQuery{0x53, 0x67, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};
  bool answered = false;
  const auto asked = enter([&]() -> Result<void> {
    const UniqueFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!any) return fail(host_error("cannot make a socket", errno));
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(53);
    if (inet_pton(AF_INET, name_server_.c_str(), &server.sin_addr) != 1 ||
        connect(any.get(), reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0 ||
        send(any.get(), kQuery.data(), kQuery.size(), 0) != static_cast<ssize_t>(kQuery.size()))
      return {};
    pollfd wait{any.get(), POLLIN, 0};
    std::array<unsigned char, 512> answer{};
    answered = poll(&wait, 1, kNameServerMilliseconds) == 1 && recv(any.get(), answer.data(), answer.size(), 0) >= 12 &&
               answer[0] == kQuery[0] && answer[1] == kQuery[1];
    return {};
  });
  return asked && answered;
}

}  // namespace scangate
