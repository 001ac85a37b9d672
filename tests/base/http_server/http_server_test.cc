#include "base/http_server/http_server.h"
#include "base/loopback.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>

#include "base/http/http.h"

namespace scangate {
namespace {

class HttpServerTest : public ::testing::Test {
 protected:
  void start(HttpServer::Handler handler) {
    auto listener = listen_on_loopback();
    ASSERT_TRUE(listener) << listener.error().text();
    port_ = listener->port;
    url_ = "http://127.0.0.1:" + std::to_string(listener->port);
    auto server = HttpServer::start(std::move(listener->socket), std::move(handler));
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
  }
  Result<HttpReply> send(HttpRequest request) {
    request.url = url_ + request.url;
    request.plain_http = true;
    return make_curl_transport({})->send(request, body_, Cancel());
  }

  UniqueFd connect_to_server() const {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback_address(static_cast<std::uint16_t>(port_));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  int port_ = 0;
  std::string url_;
  std::unique_ptr<HttpServer> server_;
  StringSink body_{1U << 20U};
};

Result<void> echo(const ServedRequest& request, ByteSource& body, ServedReply& reply, const Cancel&) {
  SCANGATE_TRY(const std::string text, read_all(body, 64U << 20U));
  const std::string answer =
      request.method + " " + request.target + " " + request.header("x-test") + " " + std::to_string(text.size());
  reply.head(201, {{"x-answer", "yes"}}, answer.size());
  return reply.write(as_bytes(answer));
}

TEST_F(HttpServerTest, TheHandlerSeesTheTargetAsItWasSentAndTheWholeBody) {
  start(echo);
  const std::string big(3U << 20U, 'x');
  const struct {
    const char* method;
    const char* target;
    bool chunked;
    std::string body;
    std::string expected;
  } cases[] = {
      {"GET", "/a%2Fb?c=%2e&d", false, "", "GET /a%2Fb?c=%2e&d here 0"},
      {"POST", "/p", false, "hello", "POST /p here 5"},
      {"PUT", "/big", false, big, "PUT /big here 3145728"},
      {"POST", "/chunks", true, big, "POST /chunks here 3145728"},
  };
  for (const auto& c : cases) {
    body_.text().clear();
    HttpRequest request{.method = c.method,
                        .url = c.target,
                        .headers = {{"X-Test", "here"}},
                        .body_size = c.body.size(),
                        .chunked = c.chunked};
    if (!c.body.empty())
      request.open_body = [&]() -> Result<std::unique_ptr<ByteSource>> {
        return std::make_unique<StringSource>(c.body);
      };
    const auto reply = send(request);
    ASSERT_TRUE(reply) << reply.error().text();
    EXPECT_EQ(reply->status, 201);
    EXPECT_EQ(reply->header("x-answer"), "yes");
    EXPECT_EQ(body_.text(), c.expected);
  }
}

TEST_F(HttpServerTest, AReplyOfUnknownSizeArrivesWhole) {
  start([](const ServedRequest&, ByteSource&, ServedReply& reply, const Cancel&) -> Result<void> {
    reply.head(200, {}, std::nullopt);
    for (int i = 0; i < 1000; ++i)
      SCANGATE_CHECK(reply.write(as_bytes("0123456789")));
    return {};
  });
  const auto reply = send({.url = "/"});
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(body_.text().size(), 10'000U);
}

TEST_F(HttpServerTest, AnErrorBeforeTheHeadIs502AndAfterItABrokenConnection) {
  start([](const ServedRequest& request, ByteSource&, ServedReply& reply, const Cancel&) -> Result<void> {
    if (request.target == "/late") {
      reply.head(200, {}, 100);
      SCANGATE_CHECK(reply.write(as_bytes("half")));
    }
    return fail(Fault::remote, "no answer from upstream");
  });
  const auto early = send({.url = "/early"});
  ASSERT_TRUE(early) << early.error().text();
  EXPECT_EQ(early->status, 502);
  EXPECT_EQ(body_.text(), "no answer from upstream\n");
  EXPECT_FALSE(send({.url = "/late"}));
}

TEST_F(HttpServerTest, AHandlerThatAnswersWithoutReadingTheBodyIsHeard) {
  start([](const ServedRequest&, ByteSource&, ServedReply& reply, const Cancel&) -> Result<void> {
    reply.head(403, {}, 2);
    return reply.write(as_bytes("no"));
  });
  const std::string big(8U << 20U, 'x');
  HttpRequest request{.method = "POST", .url = "/", .body_size = big.size()};
  request.open_body = [&]() -> Result<std::unique_ptr<ByteSource>> { return std::make_unique<StringSource>(big); };
  const auto reply = send(request);
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 403);
}

TEST_F(HttpServerTest, StoppingEndsAHandlerThatWaitsForItsClient) {
  std::promise<void> waiting;
  start([&](const ServedRequest&, ByteSource& body, ServedReply&, const Cancel&) -> Result<void> {
    waiting.set_value();
    return read_all(body, 100).transform([](const std::string&) {});
  });
  auto client = connect_to_server();
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";
  ASSERT_EQ(::send(client.get(), head.data(), head.size(), MSG_NOSIGNAL), static_cast<ssize_t>(head.size()));
  waiting.get_future().wait();
  server_.reset();
  char byte = 0;
  EXPECT_LE(::recv(client.get(), &byte, 1, 0), 0);
}

}  // namespace
}  // namespace scangate
