#include "executor/gate/port_relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/file.h"
#include "base/loopback.h"

namespace scangate {
namespace {

// Takes a free port of this host's loopback.
class Listener {
 public:
  Listener() : listener_(listen_on_loopback().value()) {}
  std::uint16_t port() const { return listener_.port; }
  UniqueFd accept() const { return UniqueFd(accept4(listener_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  LoopbackListener listener_;
};

// Empty when nobody listens there.
UniqueFd connect_to(std::uint16_t port, int family = AF_INET) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in four = loopback_address(port);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  const auto* address =
      family == AF_INET ? reinterpret_cast<const sockaddr*>(&four) : reinterpret_cast<const sockaddr*>(&six);
  if (connect(fd.get(), address, family == AF_INET ? sizeof four : sizeof six) != 0) return {};
  return fd;
}

void say(const UniqueFd& fd, std::string_view text) {
  ASSERT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

std::string hear(const UniqueFd& fd) {
  return read_fd(fd.get(), 16U << 20U, "a connection").value_or("cannot be read");
}

TEST(PortRelayTest, EachSideHearsTheOtherAndItsEnd) {
  const Listener server;
  const auto relay = PortRelay::start(nullptr, 0, server.port());
  ASSERT_TRUE(relay) << relay.error().text();
  const UniqueFd caller = connect_to((*relay)->port());
  const UniqueFd served = server.accept();
  say(caller, "a question");
  shutdown(caller.get(), SHUT_WR);
  EXPECT_EQ(hear(served), "a question");
  // Half of the connection has ended, the other goes on.
  say(served, "an answer");
  shutdown(served.get(), SHUT_WR);
  EXPECT_EQ(hear(caller), "an answer");
}

TEST(PortRelayTest, MoreThanTheBuffersHoldComesWhole) {
  const Listener server;
  const auto relay = PortRelay::start(nullptr, 0, server.port());
  ASSERT_TRUE(relay);
  const UniqueFd caller = connect_to((*relay)->port());
  const UniqueFd served = server.accept();
  std::string sent(8U << 20U, 'x');
  for (std::size_t at = 0; at < sent.size(); at += 4096)
    sent[at] = static_cast<char>('a' + at / 4096 % 26);
  std::thread writer([&] {
    say(served, sent);
    shutdown(served.get(), SHUT_WR);
  });
  const std::string heard = hear(caller);
  writer.join();
  EXPECT_TRUE(heard == sent);
}

TEST(PortRelayTest, ConnectionsBesideEachOtherAreKeptApart) {
  const Listener server;
  const auto relay = PortRelay::start(nullptr, 0, server.port());
  ASSERT_TRUE(relay);
  const UniqueFd first = connect_to((*relay)->port());
  const UniqueFd first_served = server.accept();
  const UniqueFd second = connect_to((*relay)->port());
  const UniqueFd second_served = server.accept();
  say(second, "second");
  say(first, "first");
  shutdown(first.get(), SHUT_WR);
  shutdown(second.get(), SHUT_WR);
  EXPECT_EQ(hear(first_served), "first");
  EXPECT_EQ(hear(second_served), "second");
}

TEST(PortRelayTest, WhereNobodyListensTheConnectionEnds) {
  std::uint16_t gone = 0;
  {
    gone = Listener().port();
  }
  const auto relay = PortRelay::start(nullptr, 0, gone);
  ASSERT_TRUE(relay);
  const UniqueFd caller = connect_to((*relay)->port());
  char byte = 0;
  EXPECT_LE(recv(caller.get(), &byte, 1, 0), 0);
}

TEST(PortRelayTest, ItsEndClosesConnectionsAndFreesThePort) {
  const Listener server;
  auto relay = PortRelay::start(nullptr, 0, server.port());
  ASSERT_TRUE(relay);
  const UniqueFd caller = connect_to((*relay)->port());
  const UniqueFd served = server.accept();
  relay->reset();
  char byte = 0;
  EXPECT_LE(recv(caller.get(), &byte, 1, 0), 0);
  EXPECT_LE(recv(served.get(), &byte, 1, 0), 0);
}

TEST(PortRelayTest, APortIsListenedOnAgainRightAfterItsEnd) {
  const Listener server;
  auto relay = PortRelay::start(nullptr, 0, server.port());
  ASSERT_TRUE(relay);
  const std::uint16_t port = (*relay)->port();
  for (const int family : {AF_INET, AF_INET6}) {
    const UniqueFd caller = connect_to(port, family);
    if (family == AF_INET6 && !caller) GTEST_SKIP() << "this host has no IPv6";
    const UniqueFd served = server.accept();
    say(caller, "x");
    char byte = 0;
    EXPECT_EQ(recv(served.get(), &byte, 1, 0), 1);
    relay->reset();  // it closes first: its side is the one that the kernel remembers
    EXPECT_LE(recv(caller.get(), &byte, 1, 0), 0);
    relay = PortRelay::start(nullptr, port, server.port());
    ASSERT_TRUE(relay) << relay.error().text();
    EXPECT_TRUE(connect_to(port, family));
    static_cast<void>(server.accept());
  }
}

TEST(PortRelayTest, ATakenPortIsTold) {
  const Listener taken;
  const auto relay = PortRelay::start(nullptr, taken.port(), 1);
  ASSERT_FALSE(relay);
  EXPECT_EQ(relay.error().fault(), Fault::user);
  EXPECT_EQ(relay.error().text(), "port " + std::to_string(taken.port()) +
                                      " cannot be published: cannot listen on 127.0.0.1:" +
                                      std::to_string(taken.port()) + ": Address already in use");
}

}  // namespace
}  // namespace scangate
