#include "executor/forward/gitlab_forwarder.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "tests/support/http_server.h"

namespace scangate {
namespace {

const std::string kToken = "glcbt-64_Zx9-QwertyUiop_1234";

// A GitLab that knows nothing but its token: a stand-in.
class Forwarder : public ::testing::Test {
 protected:
  void SetUp() override {
    broker_->add(kToken, {gitlab_.host()}, {"gitlab-ci-token"});
    placeholder_ = broker_->placeholder(kToken);
    auto listener = listen_on_loopback();
    ASSERT_TRUE(listener) << listener.error().text();
    auto started = GitLabForwarder::start(
        std::move(*listener),
        {.server = {.scheme = "http", .host = gitlab_.host(), .root = ""}, .ca_file = {}, .verify_certificates = true},
        broker_, make_curl_transport({}));
    ASSERT_TRUE(started) << started.error().text();
    forwarder_ = std::move(*started);
  }
  HttpReply send(HttpRequest request) {
    request.url = forwarder_->url() + request.url;
    request.plain_http = true;
    body_.text().clear();
    const auto reply = make_curl_transport({})->send(request, body_, Cancel());
    EXPECT_TRUE(reply) << reply.error().text();
    return reply ? *reply : HttpReply{};
  }

  test::ServerReply answer_;
  test::HttpServer gitlab_{[this](const test::ServerRequest&) { return answer_; }};
  std::shared_ptr<Broker> broker_ = std::make_shared<Broker>();
  std::string placeholder_;
  std::unique_ptr<GitLabForwarder> forwarder_;
  StringSink body_{1U << 20U};
};

TEST_F(Forwarder, PutsTheRealTokenWhereCredentialsBelongAndNowhereElse) {
  const HttpRequest requests[] = {
      {.url = "/api/v4/job", .headers = {{"JOB-TOKEN", placeholder_}}},
      {.url = "/api/v4/job", .headers = {{"Authorization", "Bearer " + placeholder_}}},
      {.url = "/g/app.git/info/refs",
       .headers = {{"Authorization", "Basic " + base64_encode("gitlab-ci-token:" + placeholder_)}}},
      {.url = "/api/v4/job?job_token=" + placeholder_ + "&note=" + placeholder_},
      {.method = "POST",
       .url = "/api/v4/projects/1/issues",
       .headers = {{"X-Note", placeholder_}},
       .body = "title=" + placeholder_},
  };
  for (const auto& request : requests)
    EXPECT_EQ(send(request).status, 200);
  const auto seen = gitlab_.requests();
  ASSERT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen[0].header("job-token"), kToken);
  EXPECT_EQ(seen[1].header("authorization"), "Bearer " + kToken);
  EXPECT_EQ(base64_decode(seen[2].header("authorization").substr(6)), "gitlab-ci-token:" + kToken);
  EXPECT_EQ(seen[3].query, "job_token=" + kToken + "&note=" + placeholder_);
  EXPECT_EQ(seen[4].body, "title=" + placeholder_);
  EXPECT_EQ(seen[4].header("x-note"), placeholder_);
}

TEST_F(Forwarder, ConcealsTheTokenInRepliesAlsoWhereItIsEncoded) {
  answer_.headers = {{"Content-Type", "application/json"}, {"X-Echo", kToken}};
  answer_.body =
      std::string(100'000, 'x') + kToken + " " + base64_encode("gitlab-ci-token:" + kToken) + std::string(100'000, 'y');
  const HttpReply reply = send({.url = "/api/v4/echo"});
  EXPECT_EQ(reply.header("x-echo"), placeholder_);
  EXPECT_EQ(body_.text(), std::string(100'000, 'x') + placeholder_ + " " +
                              base64_encode("gitlab-ci-token:" + placeholder_) + std::string(100'000, 'y'));
}

TEST_F(Forwarder, PassesBinaryBodiesBothWaysUnchanged) {
  std::string bytes;
  for (int i = 0; i < 700'000; ++i)
    bytes += static_cast<char>(i * 7);
  answer_.headers = {{"Content-Type", "application/octet-stream"}};
  answer_.body = bytes;
  HttpRequest request{.method = "POST",
                      .url = "/api/v4/jobs/1/artifacts",
                      .headers = {{"JOB-TOKEN", placeholder_}},
                      .body_size = bytes.size()};
  request.open_body = [&]() -> Result<std::unique_ptr<ByteSource>> { return std::make_unique<StringSource>(bytes); };
  EXPECT_EQ(send(request).header("content-length"), std::to_string(bytes.size()));
  EXPECT_EQ(body_.text(), bytes);
  EXPECT_EQ(gitlab_.requests().at(0).body, bytes);
}

TEST_F(Forwarder, RegistryTokensAreRefusedBeforeAnythingIsSent) {
  const HttpReply reply =
      send({.url = "/jwt/auth?service=container_registry",
            .headers = {{"Authorization", "Basic " + base64_encode("gitlab-ci-token:" + placeholder_)}}});
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(body_.text(),
            "scangate: not forwarded to GitLab: registry tokens are not given to jobs: use docker login, pull and "
            "push, which the image gate serves\n");
  EXPECT_TRUE(gitlab_.requests().empty());
}

TEST_F(Forwarder, RedirectsToGitLabComeBackThroughItAndOthersAreLeftAlone) {
  answer_.status = 302;
  answer_.headers = {{"Location", gitlab_.url("/api/v4/other")}};
  EXPECT_EQ(send({.url = "/api/v4/x"}).header("location"), forwarder_->url() + "/api/v4/other");
  answer_.headers = {{"Location", "https://objects.example/a?sig=1"}};
  EXPECT_EQ(send({.url = "/api/v4/x"}).header("location"), "https://objects.example/a?sig=1");
}

TEST_F(Forwarder, AServerThatHangsUpIsABadGateway) {
  answer_.hang_up = true;
  EXPECT_EQ(send({.url = "/api/v4/x"}).status, 502);
}

}  // namespace
}  // namespace scangate
