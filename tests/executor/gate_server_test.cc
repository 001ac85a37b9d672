#include "executor/gate/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <future>

#include "base/file.h"
#include "executor/wire/wire.h"

namespace scangate {
namespace {
namespace fs = std::filesystem;

class GateServerTest : public testing::Test {
 protected:
  TempDir dir_ = std::move(*TempDir::make(fs::temp_directory_path(), "scangate-gate-"));
  fs::path socket_ = dir_.path() / "gate.sock";

  std::unique_ptr<GateServer> start(GateServer::Service service) {
    auto server = GateServer::start(socket_, std::move(service));
    EXPECT_TRUE(server) << server.error().text();
    return std::move(*server);
  }

  UniqueFd connect() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  // Sends `bytes` with `count` descriptors of our root folder on the first byte.
  static void send_with_descriptors(int fd, std::string bytes, int count) {
    const UniqueFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    const std::vector<int> descriptors(static_cast<std::size_t>(count), root.get());
    iovec piece{bytes.data(), bytes.size()};
    std::vector<char> control(CMSG_SPACE(sizeof(int) * descriptors.size()));
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (count > 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
      std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof(int) * descriptors.size());
    }
    ASSERT_EQ(sendmsg(fd, &message, MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // The exit code, or nothing when the server closed without an answer.
  static std::optional<std::uint32_t> answer(int fd) {
    std::string reply(4, '\0');
    const ssize_t count = recv(fd, reply.data(), 4, MSG_WAITALL);
    return count == 4 ? std::optional(wire::decode_u32(reply)) : std::nullopt;
  }

  static std::string message_of(const wire::Request& request) {
    const std::string payload = wire::encode(request);
    return wire::encode_header(static_cast<std::uint32_t>(payload.size())) + payload;
  }
  const std::string push_ = message_of({.arguments = {"docker", "push", "x"}, .environment = {"A=b"}, .directory = "/src"});
};

TEST_F(GateServerTest, HandsTheRequestOnAndAnswersWithItsCode) {
  GateRequest seen;
  const auto server = start([&](GateRequest& request, const Cancel&) {
    seen.arguments = request.arguments;
    seen.environment = request.environment;
    seen.directory = request.directory;
    return request.root ? 3 : 99;
  });
  const UniqueFd client = connect();
  send_with_descriptors(client.get(), push_, wire::kDescriptors);
  EXPECT_EQ(answer(client.get()), 3U);
  EXPECT_EQ(seen.arguments, (std::vector<std::string>{"docker", "push", "x"}));
  EXPECT_EQ(seen.environment, (std::vector<std::string>{"A=b"}));
  EXPECT_EQ(seen.directory, "/src");
}

TEST_F(GateServerTest, MalformedRequestsReachNoService) {
  const auto server = start([](GateRequest&, const Cancel&) {
    ADD_FAILURE() << "the service was called";
    return 0;
  });
  struct Row {
    const char* what;
    std::string bytes;
    int descriptors;
  };
  std::string wrong_magic = push_;
  wrong_magic[0] = 'X';
  const Row rows[] = {{"no descriptors", push_, 0},
                      {"too few descriptors", push_, 3},
                      {"too many descriptors", push_, 60},
                      {"wrong magic", wrong_magic, wire::kDescriptors},
                      {"length over the cap", wire::encode_header(wire::kMaxPayloadBytes + 1), wire::kDescriptors},
                      {"payload that is no request", wire::encode_header(4) + "abcd", wire::kDescriptors}};
  for (const auto& row : rows) {
    const UniqueFd client = connect();
    send_with_descriptors(client.get(), row.bytes, row.descriptors);
    EXPECT_EQ(answer(client.get()), std::nullopt) << row.what;
  }
}

TEST_F(GateServerTest, AHalfSentRequestIsDroppedWhenTheSenderLeaves) {
  const auto server = start([](GateRequest&, const Cancel&) { return 0; });
  UniqueFd client = connect();
  send_with_descriptors(client.get(), push_.substr(0, push_.size() - 1), wire::kDescriptors);
  shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(answer(client.get()), std::nullopt);
}

TEST_F(GateServerTest, WorkIsCancelledWhenTheShimLeaves) {
  std::promise<void> begun;
  std::promise<void> cancelled;
  const auto server = start([&](GateRequest&, const Cancel& cancel) {
    begun.set_value();
    while (!cancel.cancelled()) std::this_thread::yield();
    cancelled.set_value();
    return 1;
  });
  UniqueFd client = connect();
  send_with_descriptors(client.get(), push_, wire::kDescriptors);
  begun.get_future().wait();
  client.reset();
  cancelled.get_future().wait();
}

TEST_F(GateServerTest, EndingTheServerCancelsAndRemovesTheSocket) {
  std::promise<void> begun;
  auto server = start([&](GateRequest&, const Cancel& cancel) {
    begun.set_value();
    while (!cancel.cancelled()) std::this_thread::yield();
    return 1;
  });
  const UniqueFd client = connect();
  send_with_descriptors(client.get(), push_, wire::kDescriptors);
  begun.get_future().wait();
  server.reset();
  EXPECT_FALSE(fs::exists(socket_));
}

TEST_F(GateServerTest, APathTooLongForASocketIsAnErrorWithTheRemedy) {
  const auto server = GateServer::start(dir_.path() / std::string(120, 'x'), [](GateRequest&, const Cancel&) { return 0; });
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().text().find("(choose a shorter store path)"), std::string::npos) << server.error().text();
}

}  // namespace
}  // namespace scangate
