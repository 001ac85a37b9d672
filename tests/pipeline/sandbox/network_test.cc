#include "pipeline/sandbox/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/sandbox/sandbox.h"
#include "test_root.h"

namespace scangate {
namespace {

TEST(ResolvConf, TheForwarderStandsForTheServerItAsks) {
  const struct {
    std::string_view host, expected;
  } cases[] = {
      {"nameserver 10.1.1.1\nsearch corp\n", "nameserver 169.254.1.53\nsearch corp\n"},
      {"nameserver 10.1.1.1\nnameserver 10.1.1.2\n", "nameserver 169.254.1.53\nnameserver 10.1.1.2\n"},
      {"nameserver 127.0.0.53\noptions edns0\n", "nameserver 169.254.1.53\noptions edns0\n"},
      {"nameserver ::1\nnameserver\t10.1.1.1", "nameserver 169.254.1.53\nnameserver\t10.1.1.1\n"},
      {"nameserver 127.0.0.53\nnameserver ::1\n", "nameserver 169.254.1.53\n"},
      {"nameserver 2001:db8::1\nnameserver 10.1.1.1\n", "nameserver 2001:db8::1\nnameserver 169.254.1.53\n"},
      {"nameserver 2001:db8::1\n", "nameserver 2001:db8::1\nnameserver 169.254.1.53\n"},
      {"", "nameserver 169.254.1.53\n"},
  };
  for (const auto& one : cases)
    EXPECT_EQ(resolv_conf_through(one.host, "169.254.1.53"), one.expected);
}

class NetworkTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  Result<std::unique_ptr<JobNetwork>> make(NetworkChoice choice, std::vector<std::uint16_t> ports = {}) {
    return JobNetwork::make(
        {.choice = choice, .host_loopback_ports = std::move(ports), .state_folder = folder_.path() / "state"}, runner_);
  }
  // What a shell script in the network says.
  std::string said_in(const JobNetwork& network, const std::string& script, const std::string& runtime = "auto") {
    const auto sandbox = probe_sandbox({.runtime = runtime, .state_folder = folder_.path() / "state"}, runner_);
    if (!sandbox) return sandbox.error().text();
    SandboxSpec spec;
    spec.root = make_test_root(folder_.path() / runtime);
    spec.argv = {"sh", "-c", script};
    spec.environment = {kTestPath};
    spec.mounts = {{.source = "/usr", .target = "/usr"}};
    spec.join = &network;
    std::string said;
    const auto exit = (*sandbox)->run(spec, Cancel(), [&](Stream, std::string_view text) { said += text; });
    return exit ? said : exit.error().text();
  }

  SystemProcessRunner runner_;
  TempDir folder_ = make_test_folder();
};

TEST_F(NetworkTest, WithoutAWayOutThereIsLoopbackOnly) {
  const auto network = make(NetworkChoice::none);
  ASSERT_TRUE(network) << network.error().text();
  EXPECT_EQ((*network)->description(), "none but loopback, as configured");
  const std::string devices = said_in(**network, "tail -n +3 /proc/net/dev | cut -d: -f1");
  EXPECT_EQ(std::string(trim(devices)), "lo");
}

TEST_F(NetworkTest, OurListenerIsReachedFromInsideAndFromNowhereElse) {
  const auto network = make(NetworkChoice::none);
  ASSERT_TRUE(network) << network.error().text();
  const auto listening = (*network)->listen_loopback();
  ASSERT_TRUE(listening) << listening.error().text();
  const std::uint16_t port = listening->port;
  EXPECT_EQ((*network)->accepts(port).value(), true);
  const auto host = make(NetworkChoice::host);
  ASSERT_TRUE(host);
  EXPECT_EQ((*host)->accepts(port).value(), false);
}

TEST_F(NetworkTest, HostsLoopbackIsNotReachedFromInside) {
  const auto host = make(NetworkChoice::host);
  ASSERT_TRUE(host);
  const auto listening = (*host)->listen_loopback();
  ASSERT_TRUE(listening) << listening.error().text();
  const auto network = make(NetworkChoice::own);
  if (!network) GTEST_SKIP() << network.error().text();
  EXPECT_EQ((*host)->accepts(listening->port).value(), true);
  EXPECT_EQ((*network)->accepts(listening->port).value(), false);
  // Nor by the gateway, which the helpers' defaults map to it.
  const std::string said = said_in(**network, fmt::format(R"(
      gateway=$(awk '$2 == "00000000" {{ print $3 }}' /proc/net/route)
      address=$(printf '%d.%d.%d.%d' 0x$(echo $gateway | cut -c7-8) 0x$(echo $gateway | cut -c5-6) 0x$(echo $gateway | cut -c3-4) 0x$(echo $gateway | cut -c1-2))
      echo "gateway $address"
      timeout 2 perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0); print connect($s, sockaddr_in({}, inet_aton($ARGV[0]))) ? "reached" : "refused"' $address || echo silent)",
                                                          listening->port));
  EXPECT_EQ(said.find("reached"), std::string::npos) << said;
  EXPECT_NE(said.find("gateway "), std::string::npos) << said;
}

TEST_F(NetworkTest, SocketsMadeInItSpeakFromIt) {
  auto network = make(NetworkChoice::none);
  if (!network) GTEST_SKIP() << network.error().text();
  const auto inside = (*network)->listen_loopback();
  ASSERT_TRUE(inside) << inside.error().text();
  auto outside = listen_on_loopback();
  if (outside && outside->port == inside->port) outside = listen_on_loopback();  // free in both: not the other's
  ASSERT_TRUE(outside) << outside.error().text();
  const auto connects = [&](std::uint16_t port) {
    const auto made = (*network)->open_socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback_address(port);
    return made && connect(made->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  EXPECT_TRUE(connects(inside->port));
  EXPECT_FALSE(connects(outside->port));
}

TEST_F(NetworkTest, ListedPortsOfTheHostsLoopbackAreReached) {
  const auto host = make(NetworkChoice::host);
  ASSERT_TRUE(host);
  const auto listening = (*host)->listen_loopback();
  ASSERT_TRUE(listening) << listening.error().text();
  const auto network = make(NetworkChoice::own, {listening->port});
  if (!network) GTEST_SKIP() << network.error().text();
  const UniqueFd taken = [&] {
    // A connection that reaches us, not only the helper.
    std::string said =
        said_in(**network, fmt::format("perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0); print connect($s, "
                                       "sockaddr_in({}, inet_aton(\"127.0.0.1\"))) ? 1 : 0; syswrite($s, \"hello\")'",
                                       listening->port));
    EXPECT_EQ(said, "1");
    return UniqueFd(accept(listening->socket.get(), nullptr, nullptr));
  }();
  std::array<char, 6> heard{};
  EXPECT_EQ(recv(taken.get(), heard.data(), 5, MSG_WAITALL), 5);
  EXPECT_STREQ(heard.data(), "hello");
}

TEST_F(NetworkTest, AnOwnNetworkHasADefaultRoute) {
  const auto network = make(NetworkChoice::own);
  if (!network) GTEST_SKIP() << network.error().text();
  EXPECT_TRUE((*network)->description().starts_with("own, through ")) << (*network)->description();
  EXPECT_TRUE((*network)->resolv_conf().has_value());
  for (const std::string runtime : {"crun", "runc", "bubblewrap"}) {
    const std::string routes = said_in(**network, "cut -f2 /proc/net/route; ls /sys/class/net", runtime);
    EXPECT_NE(routes.find("00000000"), std::string::npos) << runtime << ": " << routes;
    EXPECT_NE(routes.find("lo"), std::string::npos) << runtime << ": " << routes;
  }
}

// A thread whose /etc/resolv.conf names `server`; the helpers read the file themselves.
void with_name_server(const std::filesystem::path& folder, const std::string& server,
                      const std::function<void()>& work) {
  const auto file = folder / "resolv.conf";
  ASSERT_TRUE(write_file_atomic(file, as_bytes("nameserver " + server + "\n")));
  std::thread([&] {
    ASSERT_EQ(unshare(CLONE_FS | CLONE_NEWNS), 0) << strerror(errno);
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr), 0) << strerror(errno);
    ASSERT_EQ(mount(file.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr), 0) << strerror(errno);
    work();
  }).join();
}

TEST_F(NetworkTest, TheHostsNameServerIsAskedThroughTheHelper) {
  // An address of its own, so that no server of the machine's is in the way.
  const UniqueFd server(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  ASSERT_EQ(inet_pton(AF_INET, "127.53.0.1", &address.sin_addr), 1);
  ASSERT_EQ(bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << strerror(errno);
  std::thread answering([&] {
    std::array<char, 512> query{};
    sockaddr_in asker{};
    socklen_t size = sizeof asker;
    const ssize_t got =
        recvfrom(server.get(), query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&asker), &size);
    if (got <= 0) return;
    query[2] = static_cast<char>(query[2] | 0x80);
    sendto(server.get(), query.data(), static_cast<std::size_t>(got), 0, reinterpret_cast<sockaddr*>(&asker), size);
  });
  std::string missing;
  bool answered = false;
  with_name_server(folder_.path(), "127.53.0.1", [&] {
    const auto network = make(NetworkChoice::own);
    if (network)
      answered = (*network)->name_server_answers();
    else
      missing = network.error().text();
  });
  shutdown(server.get(), SHUT_RDWR);
  answering.join();
  if (!missing.empty()) GTEST_SKIP() << missing;
  EXPECT_TRUE(answered);
}

TEST_F(NetworkTest, WithoutAHelperNoNameServerAnswers) {
  const auto network = make(NetworkChoice::none);
  ASSERT_TRUE(network) << network.error().text();
  EXPECT_FALSE((*network)->name_server_answers());
}

TEST_F(NetworkTest, TheHelperEndsWithTheNetwork) {
  const std::string marker = (folder_.path() / "state").string();
  auto network = make(NetworkChoice::own);
  if (!network) GTEST_SKIP() << network.error().text();
  EXPECT_TRUE(runs_somewhere(marker));
  network->reset();
  EXPECT_FALSE(runs_somewhere(marker));
}

// A folder whose socket a keeper listens on, and what is found there by later processes of a job.
class KeptNetworkTest : public NetworkTest {
 protected:
  NetworkSettings settings() const {
    return {.choice = NetworkChoice::own, .state_folder = folder_.path() / "state", .keep_in = folder_.path()};
  }
  std::string marker() const { return (folder_.path() / "state").string(); }

  // What the process that prepares a job does: makes a network, keeps it when told to, ends. False where the host gives
  // none.
  bool prepared_by_a_process(bool keeps) {
    const pid_t preparing = fork();
    if (preparing == 0) {
      auto network = JobNetwork::make(settings(), runner_);
      if (!network) _exit(2);
      _exit(keeps && !(*network)->keep() ? 1 : 0);
    }
    int status = -1;
    EXPECT_EQ(waitpid(preparing, &status, 0), preparing);
    EXPECT_NE(WEXITSTATUS(status), 1) << "it could not be kept";
    return WEXITSTATUS(status) == 0;
  }
};

TEST_F(KeptNetworkTest, LaterProcessesUseItUntilItIsEnded) {
  if (!prepared_by_a_process(true)) GTEST_SKIP() << "this host gives no network of its own";
  {
    const auto network = JobNetwork::kept(folder_.path(), settings());
    ASSERT_NE(network, nullptr);
    EXPECT_TRUE(network->description().starts_with("own, through ")) << network->description();
    EXPECT_TRUE(network->resolv_conf().has_value());
    const auto listening = network->listen_loopback();
    ASSERT_TRUE(listening) << listening.error().text();
    const auto again = JobNetwork::kept(folder_.path(), settings());
    ASSERT_NE(again, nullptr) << "using it is not its end";
    EXPECT_EQ(again->accepts(listening->port).value(), true);
    const std::string routes = said_in(*again, "cut -f2 /proc/net/route");
    EXPECT_NE(routes.find("00000000"), std::string::npos) << routes;
  }
  EXPECT_TRUE(runs_somewhere(marker()));
  JobNetwork::end_kept(folder_.path());
  EXPECT_FALSE(runs_somewhere(marker()));
  EXPECT_EQ(JobNetwork::kept(folder_.path(), settings()), nullptr);
}

TEST_F(KeptNetworkTest, UnlessItIsKeptItEndsWithItsProcess) {
  if (!prepared_by_a_process(false)) GTEST_SKIP() << "this host gives no network of its own";
  EXPECT_TRUE(ends_everywhere(marker()));
  EXPECT_EQ(JobNetwork::kept(folder_.path(), settings()), nullptr);
}

TEST_F(KeptNetworkTest, ItEndsWithTheProcessThatStartedTheOneThatKeptIt) {
  // The runner: ends without ever asking for the end of what its job left.
  const pid_t runner = fork();
  if (runner == 0) _exit(prepared_by_a_process(true) ? 0 : 2);
  int status = -1;
  ASSERT_EQ(waitpid(runner, &status, 0), runner);
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "this host gives no network of its own";
  EXPECT_TRUE(ends_everywhere(marker()));
}

TEST_F(KeptNetworkTest, WithoutAFolderItCannotBeKept) {
  NetworkSettings alone = settings();
  alone.keep_in.reset();
  const auto network = JobNetwork::make(alone, runner_);
  if (!network) GTEST_SKIP() << network.error().text();
  const auto kept = (*network)->keep();
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().text(), "this network cannot be kept");
}

TEST_F(KeptNetworkTest, WhereNothingIsKeptThereIsNothingToEnd) {
  EXPECT_EQ(JobNetwork::kept(folder_.path(), settings()), nullptr);
  JobNetwork::end_kept(folder_.path());
  JobNetwork::end_kept(folder_.path() / "missing");
}

// A runner on whose host no program starts.
class EmptyHost final : public ProcessRunner {
 public:
  Result<Exit> run(const Command&, const Cancel&, const OnOutput&) override {
    return fail(Fault::host, "no such program");
  }
};

TEST_F(NetworkTest, WithoutHelpersAutomaticIsTheHostsAndOwnAnError) {
  EmptyHost nothing;
  const NetworkSettings settings{.choice = NetworkChoice::automatic, .state_folder = folder_.path() / "state"};
  const auto network = JobNetwork::make(settings, nothing);
  ASSERT_TRUE(network) << network.error().text();
  EXPECT_TRUE((*network)->is_host());
  EXPECT_EQ((*network)->namespace_fd(), -1);
  NetworkSettings own = settings;
  own.choice = NetworkChoice::own;
  const auto refused = JobNetwork::make(own, nothing);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().text().starts_with("a job's network of its own does not work here: pasta: "))
      << refused.error().text();
  EXPECT_TRUE(refused.error().text().ends_with(" (install passt or slirp4netns, and see that /dev/net/tun exists)"));
}

}  // namespace
}  // namespace scangate
