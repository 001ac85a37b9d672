#include "base/http/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <sys/socket.h>

#include <thread>

#include "base/digest.h"
#include "base/file.h"
#include "base/http/proxies.h"
#include "base/process.h"
#include "base/text.h"
#include "tests/support/http_server.h"

namespace scangate {
namespace {

using test::HttpServer;
using test::ServerReply;
using test::ServerRequest;

class HttpTest : public testing::Test {
 protected:
  Result<HttpReply> send(HttpRequest request) {
    request.plain_http = true;
    body_.text().clear();
    return transport_->send(request, body_, cancel_);
  }
  std::shared_ptr<HttpTransport> transport_ = make_curl_transport({});
  StringSink body_{1U << 20U};
  Cancel cancel_;
};

class PiecesSource final : public ByteSource {
 public:
  explicit PiecesSource(std::uint64_t size) : left_(size) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>({buffer.size(), left_, 70000}));
    std::fill_n(buffer.begin(), count, std::byte{'x'});
    left_ -= count;
    return count;
  }

 private:
  std::uint64_t left_;
};

TEST_F(HttpTest, GivesStatusHeadersAndBody) {
  HttpServer server([](const ServerRequest&) {
    return ServerReply{.status = 404, .headers = {{"X-Two", "1"}, {"x-two", "2"}}, .body = "not here"};
  });
  const auto reply = send({.url = server.url("/a?b=c"), .headers = {{"Accept", "text/plain"}}});
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->status, 404);
  EXPECT_EQ(reply->header("x-two"), "2");
  EXPECT_EQ(reply->header("missing"), "");
  EXPECT_EQ(reply->url, server.url("/a?b=c"));
  EXPECT_EQ(body_.text(), "not here");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(requests[0].query, "b=c");
  EXPECT_EQ(requests[0].header("accept"), "text/plain");
  EXPECT_EQ(requests[0].header("content-type"), "");
  EXPECT_EQ(requests[0].header("accept-encoding"), "");
  EXPECT_THAT(server.complaints(), testing::IsEmpty());
}

TEST_F(HttpTest, ConnectsWithTheSocketsItIsGiven) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = "here"}; });
  int made = 0;
  transport_ = make_curl_transport({}, [&](int family, int type, int protocol) -> Result<UniqueFd> {
    ++made;
    return UniqueFd(::socket(family, type | SOCK_CLOEXEC, protocol));
  });
  ASSERT_TRUE(send({.url = server.url("/")}));
  EXPECT_EQ(body_.text(), "here");
  EXPECT_EQ(made, 1);
  transport_ =
      make_curl_transport({}, [](int, int, int) -> Result<UniqueFd> { return fail(Fault::host, "no sockets"); });
  const auto refused = send({.url = server.url("/")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(HttpTest, ReadsChunkedBodies) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = std::string(5000, 'y'), .chunked = true}; });
  ASSERT_TRUE(send({.url = server.url()}));
  EXPECT_EQ(body_.text(), std::string(5000, 'y'));
}

TEST_F(HttpTest, SendsEveryMethodAsItIs) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.status = 202}; });
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
    ASSERT_TRUE(send({.method = method, .url = server.url()})) << method;
  ASSERT_TRUE(send({.method = "POST", .url = server.url(), .headers = {{"Content-Type", "a/b"}}, .body = "text"}));
  std::vector<std::string> methods;
  for (const auto& request : server.requests())
    methods.push_back(request.method);
  EXPECT_THAT(methods, testing::ElementsAre("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "POST"));
  EXPECT_EQ(server.requests().back().body, "text");
  EXPECT_EQ(server.requests().back().header("content-type"), "a/b");
  EXPECT_THAT(server.complaints(), testing::IsEmpty());
}

TEST_F(HttpTest, StreamsABodyOfKnownSize) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.status = 201}; });
  static constexpr std::uint64_t kSize = 5'000'000;
  std::uint64_t told = 0;
  const auto reply =
      send({.method = "PATCH",
            .url = server.url(),
            .open_body = [] { return Result<std::unique_ptr<ByteSource>>(std::make_unique<PiecesSource>(kSize)); },
            .body_size = kSize,
            .on_sent = [&](std::uint64_t sent) { told = sent; }});
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(told, kSize);
  EXPECT_EQ(server.requests()[0].body.size(), kSize);
  EXPECT_THAT(server.complaints(), testing::IsEmpty());
}

TEST_F(HttpTest, ShortBodyIsAnError) {
  HttpServer server([](const ServerRequest&) { return ServerReply{}; });
  const auto reply =
      send({.method = "PUT",
            .url = server.url(),
            .open_body = [] { return Result<std::unique_ptr<ByteSource>>(std::make_unique<PiecesSource>(10)); },
            .body_size = 20});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().text(), server.url() + ": what is to be sent ended after 10 of 20 bytes");
  EXPECT_EQ(reply.error().fault(), Fault::host);
}

TEST_F(HttpTest, ReusesConnections) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = "x"}; });
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(send({.url = server.url()}));
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpTest, LeavesAConnectionThatWasClosedMeanwhile) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = "ok", .close_after = true}; });
  for (int i = 0; i < 3; ++i) {
    const auto reply = send({.method = "PUT", .url = server.url(), .body = "text"});
    ASSERT_TRUE(reply) << reply.error().text();
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(HttpTest, DropsAuthorizationOnAnotherOrigin) {
  HttpServer other([](const ServerRequest&) { return ServerReply{.body = "blob"}; });
  HttpServer server([&](const ServerRequest& request) {
    if (request.path == "/dir/here") return ServerReply{.body = "here"};
    return ServerReply{.status = 307,
                       .headers = {{"Location", request.path == "/away" ? other.url("/blob?sig=1") : "here"}},
                       .body = "this body is not for the caller"};
  });
  const std::vector<std::pair<std::string, std::string>> headers = {
      {"Authorization", "Bearer s3cret"}, {"X-Auth-Token", "s3cret"}, {"Accept", "*/*"}};
  auto reply = send({.url = server.url("/away"), .headers = headers, .follow_redirects = true});
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(body_.text(), "blob");
  EXPECT_EQ(reply->url, other.url("/blob?sig=1"));
  EXPECT_EQ(other.requests()[0].header("authorization"), "");
  EXPECT_EQ(other.requests()[0].header("x-auth-token"), "");
  EXPECT_EQ(other.requests()[0].header("accept"), "*/*");

  reply = send({.url = server.url("/dir/near"), .headers = headers, .follow_redirects = true});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->url, server.url("/dir/here"));
}

TEST_F(HttpTest, KeepsAuthorizationOnTheSameOrigin) {
  HttpServer server([&](const ServerRequest& request) {
    if (request.path == "/here") return ServerReply{};
    return ServerReply{.status = 302, .headers = {{"Location", "/here"}}};
  });
  ASSERT_TRUE(send({.url = server.url("/there"), .headers = {{"Authorization", "Basic x"}}, .follow_redirects = true}));
  EXPECT_EQ(server.requests()[1].header("authorization"), "Basic x");
}

TEST_F(HttpTest, GivesRedirectsThatItIsNotToFollow) {
  HttpServer server([](const ServerRequest&) {
    return ServerReply{.status = 307, .headers = {{"Location", "/x"}}, .body = "moved"};
  });
  const auto reply = send({.url = server.url()});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 307);
  EXPECT_EQ(body_.text(), "moved");
}

TEST_F(HttpTest, EndsAnEndlessRedirect) {
  HttpServer server(
      [](const ServerRequest&) { return ServerReply{.status = 302, .headers = {{"Location", "/again"}}}; });
  const auto reply = send({.url = server.url("/a"), .follow_redirects = true});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().text(), server.url("/a") + ": more than 10 redirects");
  EXPECT_EQ(server.requests().size(), 11U);
}

TEST_F(HttpTest, RefusesRedirectsToOtherProtocols) {
  HttpServer server(
      [](const ServerRequest&) { return ServerReply{.status = 302, .headers = {{"Location", "file:///etc/passwd"}}}; });
  const auto reply = send({.url = server.url("/a"), .follow_redirects = true});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().text(), "file:///etc/passwd: only https is allowed here (allow plain http for this host)");
  EXPECT_EQ(body_.text(), "");
}

TEST_F(HttpTest, PlainHttpMustBeAllowed) {
  StringSink sink(10);
  const auto reply = transport_->send({.url = "http://127.0.0.1:1/x"}, sink, cancel_);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().text(), "http://127.0.0.1:1/x: only https is allowed here (allow plain http for this host)");
  EXPECT_EQ(reply.error().fault(), Fault::user);
}

TEST_F(HttpTest, BrokenStreamsAreWorthRetrying) {
  HttpServer server([](const ServerRequest& request) {
    return request.path == "/cut" ? ServerReply{.body = "0123456789", .cut_body_at = 4} : ServerReply{.hang_up = true};
  });
  for (const std::string path : {"/cut", "/hang-up"}) {
    const auto reply = send({.url = server.url(path)});
    ASSERT_FALSE(reply) << path;
    EXPECT_TRUE(reply.error().is_worth_retrying());
    EXPECT_EQ(reply.error().fault(), Fault::remote);
    EXPECT_EQ(reply.error().place(), server.url(path));
  }
}

TEST_F(HttpTest, NobodyListeningIsWorthRetryingAndHidesPasswords) {
  const auto reply = send({.url = "http://user:s3cret@127.0.0.1:1/x?token=s3cret"});
  ASSERT_FALSE(reply);
  EXPECT_TRUE(reply.error().is_worth_retrying());
  EXPECT_EQ(reply.error().place(), "http://***@127.0.0.1:1/x?token=***");
  EXPECT_EQ(reply.error().text().find("s3cret"), std::string::npos);
}

TEST_F(HttpTest, StalledServerIsLeft) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = "x", .stall = true}; });
  const auto reply = send({.url = server.url(), .stall_timeout = std::chrono::seconds(1)});
  ASSERT_FALSE(reply);
  EXPECT_TRUE(reply.error().is_worth_retrying());
}

TEST_F(HttpTest, TotalTimeoutEndsIt) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = "x", .stall = true}; });
  EXPECT_FALSE(send({.url = server.url(), .timeout = std::chrono::seconds(1)}));
}

TEST_F(HttpTest, CancelEndsATransfer) {
  HttpServer server([&](const ServerRequest&) {
    cancel_.cancel();
    return ServerReply{.body = "x", .stall = true};
  });
  const auto reply = send({.url = server.url()});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().text(), "stopped on request");
}

TEST_F(HttpTest, CapsTheReply) {
  HttpServer server([](const ServerRequest& request) {
    return ServerReply{.body = std::string(request.path == "/at" ? 100 : 101, 'x'),
                       .chunked = request.query == "chunked"};
  });
  for (const std::string query : {"", "?chunked"}) {
    EXPECT_TRUE(send({.url = server.url("/at" + query), .max_reply_bytes = 100})) << query;
    const auto reply = send({.url = server.url("/past" + query), .max_reply_bytes = 100});
    ASSERT_FALSE(reply) << query;
    EXPECT_EQ(reply.error().text(), server.url("/past" + query) + ": the reply is larger than 100 B");
  }
}

TEST_F(HttpTest, CapsHeaders) {
  HttpServer server([](const ServerRequest&) {
    return ServerReply{.headers = std::vector<std::pair<std::string, std::string>>(300, {"X", std::string(1000, 'x')})};
  });
  const auto reply = send({.url = server.url()});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().text(), server.url() + ": the reply has more than 262.1 kB of headers");
}

TEST_F(HttpTest, ErrorOfTheSinkStopsTheTransfer) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = std::string(5000, 'x')}; });
  StringSink small(10);
  const auto reply = transport_->send({.url = server.url(), .plain_http = true}, small, cancel_);
  ASSERT_FALSE(reply);
  EXPECT_FALSE(reply.error().is_worth_retrying());
}

TEST_F(HttpTest, RefusesLineBreaks) {
  EXPECT_FALSE(send({.url = "http://127.0.0.1:1/\r\nX: y"}));
  const auto reply = send({.url = "http://127.0.0.1:1/", .headers = {{"A", "b\nc"}}});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().text(), "the header 'A' holds a line break");
}

TEST_F(HttpTest, ServesSeveralThreads) {
  HttpServer server([](const ServerRequest& request) { return ServerReply{.body = request.path}; });
  std::atomic<int> right = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&, i] {
        for (int k = 0; k < 10; ++k) {
          const std::string path = fmt::format("/{}/{}", i, k);
          StringSink sink(100);
          if (transport_->send({.url = server.url(path), .plain_http = true}, sink, cancel_) && sink.text() == path)
            ++right;
        }
      });
  }
  EXPECT_EQ(right, 80);
  EXPECT_LE(server.connections(), 8);
}

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, 32> out{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

// The signature as the AWS General Reference computes it, from what arrived.
std::string expected_signature(const ServerRequest& request, const AwsSignature& keys,
                               const std::string& signed_headers) {
  std::string canonical = request.method + "\n" + request.path + "\n" + request.query + "\n";
  for (const std::string& name : split(signed_headers, ';'))
    canonical += name + ":" + request.header(name) + "\n";
  canonical += "\n" + signed_headers + "\n" + Digest::of(request.body).hex();
  const std::string time = request.header("x-amz-date");
  const std::string scope = time.substr(0, 8) + "/" + keys.region + "/" + keys.service + "/aws4_request";
  const std::string text = "AWS4-HMAC-SHA256\n" + time + "\n" + scope + "\n" + Digest::of(canonical).hex();
  std::string key = "AWS4" + keys.secret_key;
  for (const std::string& part : {time.substr(0, 8), keys.region, keys.service, std::string("aws4_request")})
    key = hmac(key, part);
  return to_hex(as_bytes(hmac(key, text)));
}

TEST_F(HttpTest, SignsForAws) {
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = "{}"}; });
  const AwsSignature keys{
      .region = "eu-west-1", .service = "ecr", .access_key = "AKIDEXAMPLE", .secret_key = "s/ecret+key"};
  AwsSignature with_token = keys;
  with_token.session_token = "token/of+session==";
  for (const AwsSignature& each : {keys, with_token}) {
    const auto reply =
        send({.method = "POST",
              .url = server.url("/"),
              .headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", "Service.Operation"}},
              .body = "{\"a\":1}",
              .aws_signature = each});
    ASSERT_TRUE(reply) << reply.error().text();
    const auto request = server.requests().back();
    const std::string header = request.header("authorization");
    const std::string day = request.header("x-amz-date").substr(0, 8);
    const std::string begin =
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" + day + "/eu-west-1/ecr/aws4_request, SignedHeaders=";
    ASSERT_TRUE(header.starts_with(begin)) << header;
    const std::size_t comma = header.find(',', begin.size());
    const std::string signed_headers = header.substr(begin.size(), comma - begin.size());
    EXPECT_EQ(signed_headers, each.session_token.empty()
                                  ? "content-type;host;x-amz-date;x-amz-target"
                                  : "content-type;host;x-amz-date;x-amz-security-token;x-amz-target");
    EXPECT_EQ(header.substr(comma), ", Signature=" + expected_signature(request, each, signed_headers));
    EXPECT_EQ(request.header("x-amz-security-token"), each.session_token);
  }
  EXPECT_EQ(send({.url = server.url("/?a=b"), .aws_signature = keys}).error().text(),
            "a signed request has no query and follows no redirects");
}

TEST_F(HttpTest, UsesOnlyTheProxyItWasGiven) {
  HttpServer proxy([](const ServerRequest&) { return ServerReply{.body = "by proxy"}; });
  transport_ = make_curl_transport({"http_proxy=" + proxy.url(), "no_proxy=127.0.0.1"});
  HttpServer server([](const ServerRequest&) { return ServerReply{.body = "direct"}; });
  ASSERT_TRUE(send({.url = server.url()}));
  EXPECT_EQ(body_.text(), "direct");
  // The strict server has no absolute-form request targets: that it complains shows that it was asked.
  static_cast<void>(send({.url = "http://registry.invalid/x"}));
  EXPECT_THAT(proxy.complaints(), testing::Contains("request line 'GET http://registry.invalid/x HTTP/1.1'"));
}

TEST(Proxies, FollowTheEnvironmentsNames) {
  const Proxies proxies({"HTTP_PROXY=http://bad:1", "HTTPS_PROXY=http://upper:1", "https_proxy=http://lower:1",
                         "all_proxy=http://all:1", "NO_PROXY=a,b"});
  EXPECT_EQ(proxies.for_scheme("http"), "http://all:1");
  EXPECT_EQ(proxies.for_scheme("https"), "http://lower:1");
  EXPECT_EQ(proxies.exceptions(), "a,b");
}

TEST(UrlEncode, KeepsUnreservedCharacters) {
  EXPECT_EQ(url_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(url_encode("a b/c?d=é"), "a%20b%2Fc%3Fd%3D%C3%A9");
}

}  // namespace
}  // namespace scangate
