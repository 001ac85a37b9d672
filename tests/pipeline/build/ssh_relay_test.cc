#include "pipeline/build/ssh_relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <mutex>
#include <thread>

#include "base/file.h"

namespace scangate::build {
namespace {

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// Answers every request with one byte and keeps which types were asked.
class StandInAgent {
 public:
  explicit StandInAgent(const std::filesystem::path& path) {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = address_of(path);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 5), 0);
    thread_ = std::thread([this] {
      for (;;) {
        const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
        if (!client) return;
        std::array<char, 5> request{};
        while (::recv(client.get(), request.data(), request.size(), MSG_WAITALL) == 5) {
          {
            const std::lock_guard lock(mutex_);
            asked_ += std::to_string(request[4]) + " ";
          }
          const std::array<char, 5> reply = {0, 0, 0, 1, 12};
          if (::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
        }
      }
    });
  }
  ~StandInAgent() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  UniqueFd listener_;
  std::thread thread_;
  std::mutex mutex_;
  std::string asked_;
};

class SshRelayTest : public testing::Test {
 protected:
  UniqueFd connected() {
    UniqueFd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = address_of(socket_);
    EXPECT_EQ(::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return out;
  }
  // The type of the reply; -1 when the relay hung up.
  static int ask(const UniqueFd& fd, char type) {
    const std::array<char, 5> request = {0, 0, 0, 1, type};
    EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL), 5);
    std::array<char, 5> reply{};
    return ::recv(fd.get(), reply.data(), reply.size(), MSG_WAITALL) == 5 ? reply[4] : -1;
  }
  void start() {
    auto relay = SshRelay::start(agent_, socket_, ::getuid(), ::getgid(), 0600);
    ASSERT_TRUE(relay) << relay.error().text();
    relay_ = std::move(*relay);
  }
  TempDir folder_ = *TempDir::make(std::filesystem::temp_directory_path(), "ssh-");
  std::filesystem::path agent_ = folder_.path() / "agent";
  std::filesystem::path socket_ = folder_.path() / "lent";
  std::unique_ptr<SshRelay> relay_;
};

TEST_F(SshRelayTest, PassesOnListsAndSignaturesAndRefusesTheRest) {
  StandInAgent agent(agent_);
  start();
  const UniqueFd client = connected();
  EXPECT_EQ(ask(client, 11), 12);
  EXPECT_EQ(ask(client, 13), 12);
  for (const char type : {'\x11', '\x12', '\x13', '\x14', '\x16', '\x17', '\x19', '\x1a', '\x1b'})
    EXPECT_EQ(ask(client, type), 5) << static_cast<int>(type);
  EXPECT_EQ(ask(client, 11), 12);
  EXPECT_EQ(agent.asked(), "11 13 11 ");
}

TEST_F(SshRelayTest, AnAgentThatIsGoneIsAFailureOfTheRequestOnly) {
  start();
  const UniqueFd client = connected();
  EXPECT_EQ(ask(client, 11), 5);
  EXPECT_EQ(ask(client, 11), 5);
}

TEST_F(SshRelayTest, AMessageThatIsTooLongEndsTheConversation) {
  start();
  const UniqueFd client = connected();
  const std::array<char, 4> length = {0x7f, 0, 0, 0};
  ASSERT_EQ(::send(client.get(), length.data(), length.size(), MSG_NOSIGNAL), 4);
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), 0);
}

TEST_F(SshRelayTest, EndsWhileProgramsHoldIt) {
  StandInAgent agent(agent_);
  start();
  const UniqueFd one = connected();
  const UniqueFd two = connected();
  EXPECT_EQ(ask(one, 11), 12);
  relay_.reset();
  char byte = 0;
  EXPECT_EQ(::recv(one.get(), &byte, 1, 0), 0);
}

}  // namespace
}  // namespace scangate::build
