// Against Debian's docker-registry, with skopeo as the second opinion.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>
#include <thread>

#include "base/loopback.h"
#include "base/text.h"
#include "pipeline/registry/registry.h"
#include "test_image.h"

namespace scangate {
namespace {

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

int free_port() {
  return must(listen_on_loopback()).port;
}

struct Ran {
  int code;
  std::string out;
};
Ran run(std::vector<std::string> argv) {
  Ran ran{};
  SystemProcessRunner runner;
  const auto exit =
      runner.run({.argv = std::move(argv), .environment = {std::string("PATH=") + kPath, "HOME=/nonexistent"}},
                 Cancel(), [&](Stream, std::string_view text) { ran.out += text; });
  ran.code = exit ? exit->shell_code() : -1;
  return ran;
}

class DockerRegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!find_program("docker-registry", kPath)) GTEST_SKIP() << "docker-registry is not installed";
    settings_.first_retry_delay = std::chrono::milliseconds(1);
  }
  void TearDown() override { stop(); }

  void start(const std::string& more = "") {
    port_ = free_port();
    std::ofstream(folder_.path() / "config.yml")
        << "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: "
        << (folder_.path() / "data").string() << "\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:" << port_
        << "\n"
        << more;
    server_ = std::thread([this] {
      SystemProcessRunner runner;
      static_cast<void>(runner.run({.argv = {"docker-registry", "serve", (folder_.path() / "config.yml").string()},
                                    .environment = {std::string("PATH=") + kPath},
                                    .kill_after = std::chrono::milliseconds(100),
                                    .dies_with_us = true},
                                   stop_, [this](Stream, std::string_view text) { log_ += text; }));
    });
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!answers()) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << log_;
      std::this_thread::yield();
    }
  }
  bool answers() const {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback_address(static_cast<std::uint16_t>(port_));
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  void stop() {
    stop_.cancel();
    if (server_.joinable()) server_.join();
  }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  Reference name(const std::string& rest) const { return must(Reference::parse(host() + "/" + rest)); }
  Registry client(const std::map<std::string, Credentials>& credentials = {}) const {
    return {settings_, fixed_credentials(credentials), make_curl_transport({})};
  }

  RegistrySettings settings_;
  TempDir folder_ = must(TempDir::make(std::filesystem::temp_directory_path(), "docker-registry-"));
  TestStore from_, to_;
  Cancel stop_, cancel_;
  NoProgress progress_;
  std::string log_;
  std::thread server_;
  int port_ = 0;
};

TEST_F(DockerRegistryTest, PushAndPullKeepEveryByte) {
  start();
  const Digest image = make_image(*from_.store, {"one", noise(5'000'000, 1), noise(2'000'000, 2)});
  Registry registry = client();
  const auto pushed = registry.push(*from_.store, image, name("team/app:1"), cancel_, progress_);
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(pushed->sent_blobs, 4U);
  const auto again = registry.push(*from_.store, image, name("team/app:2"), cancel_, progress_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->known_blobs, 4U);
  const auto mounted = registry.push(*from_.store, image, name("other/app:1"), cancel_, progress_);
  ASSERT_TRUE(mounted) << mounted.error().text();
  EXPECT_EQ(mounted->sent_blobs, 0U);

  const auto pulled =
      registry.pull(name("team/app:1"), Platform::host(), PullPolicy::always, *to_.store, cancel_, progress_);
  ASSERT_TRUE(pulled) << pulled.error().text();
  EXPECT_EQ(pulled->manifest_digest, image);
  for (const auto& layer : must(to_.store->manifest(image)).layers)
    EXPECT_EQ(must(to_.store->read_blob(layer.digest, 1U << 30U)),
              must(from_.store->read_blob(layer.digest, 1U << 30U)));
  EXPECT_THAT(must(to_.store->verify()), testing::IsEmpty());
  EXPECT_EQ(must(registry.resolve(name("team/app:2"), cancel_)), image);
  EXPECT_EQ(must(registry.resolve(name("team/app:3"), cancel_)), std::nullopt);
  EXPECT_THAT(must(registry.tags(name("team/app"), cancel_)), testing::UnorderedElementsAre("1", "2"));
}

// Pipelines of several images on one base push its layers into one repository at the same time. docker-registry writes
// the link of a blob anew for each of them and, for a moment, cannot read it.
TEST_F(DockerRegistryTest, PushesOfTheSameLayersAtOnceAllArrive) {
  start();
  settings_.first_retry_delay = std::chrono::milliseconds(20);
  constexpr int kPushes = 8;
  constexpr int kRounds = 10;
  std::vector<std::string> failures;
  for (int round = 0; round < kRounds; ++round) {
    const Digest image =
        make_image(*from_.store, {"round " + std::to_string(round), noise(5'000, static_cast<unsigned>(round) + 10)});
    std::vector<std::thread> pushes;
    std::mutex mutex;
    for (int i = 0; i < kPushes; ++i)
      pushes.emplace_back([&, i] {
        const auto pushed =
            client().push(*from_.store, image, name(fmt::format("team/app:{}-{}", round, i)), cancel_, progress_);
        const std::lock_guard lock(mutex);
        if (!pushed) failures.push_back(pushed.error().text());
      });
    for (auto& push : pushes)
      push.join();
  }
  EXPECT_THAT(failures, testing::IsEmpty());
}

TEST_F(DockerRegistryTest, SkopeoReadsWhatWePush) {
  if (!find_program("skopeo", kPath)) GTEST_SKIP() << "skopeo is not installed";
  start();
  const Digest image = make_image(*from_.store, {"one", noise(2'000'000, 3)});
  ASSERT_TRUE(client().push(*from_.store, image, name("team/app:1"), cancel_, progress_));
  const Ran inspected =
      run({"skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://" + host() + "/team/app:1"});
  EXPECT_EQ(inspected.code, 0) << inspected.out;
  EXPECT_EQ(inspected.out, image.str() + "\n");
  // Reads and verifies every blob, and writes Docker's types back for us to read.
  const Ran copied =
      run({"skopeo", "copy", "--insecure-policy", "--format", "v2s2", "--src-tls-verify=false",
           "--dest-tls-verify=false", "docker://" + host() + "/team/app:1", "docker://" + host() + "/team/docker:1"});
  ASSERT_EQ(copied.code, 0) << copied.out;
  const auto pulled =
      client().pull(name("team/docker:1"), Platform::host(), PullPolicy::always, *to_.store, cancel_, progress_);
  ASSERT_TRUE(pulled) << pulled.error().text();
  EXPECT_EQ(must(to_.store->manifest(pulled->manifest_digest)).media_type, media_type::kDockerManifest);
}

TEST_F(DockerRegistryTest, TakesHtpasswdLogins) {
  const Ran hashed = run({"htpasswd", "-Bbn", "me", "s3cret"});
  if (hashed.code != 0) GTEST_SKIP() << "htpasswd is not installed";
  std::ofstream(folder_.path() / "htpasswd") << hashed.out;
  start("auth:\n  htpasswd:\n    realm: test\n    path: " + (folder_.path() / "htpasswd").string() + "\n");
  const Digest image = make_image(*from_.store, {"x"});
  EXPECT_TRUE(client().check_login(host(), {"me", "s3cret"}, cancel_));
  const auto refused = client().check_login(host(), {"me", "wr0ng"}, cancel_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(),
              testing::StartsWith(host() + ": the registry refused the credentials (401: authentication required"));
  EXPECT_FALSE(client().push(*from_.store, image, name("a/b:1"), cancel_, progress_));
  const auto pushed = client({{host(), {"me", "s3cret"}}}).push(*from_.store, image, name("a/b:1"), cancel_, progress_);
  EXPECT_TRUE(pushed) << pushed.error().text();
}

TEST_F(DockerRegistryTest, TrustsAConfiguredCa) {
  const std::string key = (folder_.path() / "key.pem").string();
  const std::string certificate = (folder_.path() / "cert.pem").string();
  const Ran made = run({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate});
  if (made.code != 0) GTEST_SKIP() << "openssl cannot make a certificate: " << made.out;
  start("  tls:\n    certificate: " + certificate + "\n    key: " + key + "\n");
  const Digest image = make_image(*from_.store, {"x"});
  settings_.attempts = 1;
  settings_.hosts[host()].ca_file = certificate;
  const auto trusted = client().push(*from_.store, image, name("a/b:1"), cancel_, progress_);
  EXPECT_TRUE(trusted) << trusted.error().text();

  std::filesystem::copy_file("/etc/ssl/certs/ca-certificates.crt", folder_.path() / "others.pem");
  settings_.hosts[host()].ca_file = folder_.path() / "others.pem";
  const auto unknown = client().push(*from_.store, image, name("a/b:1"), cancel_, progress_);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().text(), testing::EndsWith("(add the certificate of its CA to this host's settings)"));

  settings_.hosts[host()] = {.verify_certificates = false};
  const auto unchecked = client().push(*from_.store, image, name("a/b:1"), cancel_, progress_);
  EXPECT_TRUE(unchecked) << unchecked.error().text();
}

TEST_F(DockerRegistryTest, PlainHttpOnlyForLoopbackOrWhereAllowed) {
  const auto refused = client().pull(must(Reference::parse("registry.invalid:5000/a:1")), Platform::host(),
                                     PullPolicy::always, *to_.store, stop_, progress_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), testing::StartsWith("https://registry.invalid:5000/v2/a/manifests/1: "));
}

}  // namespace
}  // namespace scangate
