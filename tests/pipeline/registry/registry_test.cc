#include "pipeline/registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_image.h"
#include "tests/support/test_registry.h"

namespace scangate {
namespace {

using test::ServerReply;
using test::ServerRequest;
using test::TestRegistry;

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() { settings_.first_retry_delay = std::chrono::milliseconds(1); }

  Registry client(std::map<std::string, Credentials> credentials = {}) {
    return {settings_, fixed_credentials(std::move(credentials)), make_curl_transport({})};
  }
  static Reference name(const TestRegistry& registry, const std::string& rest) {
    return must(Reference::parse(registry.host() + "/" + rest));
  }
  Result<PushedImage> push(const TestRegistry& registry, const Digest& image, const std::string& rest = "team/app:1",
                           std::map<std::string, Credentials> credentials = {}) {
    return client(std::move(credentials)).push(*from_.store, image, name(registry, rest), cancel_, progress_);
  }
  Result<PulledImage> pull(const TestRegistry& registry, const std::string& rest = "team/app:1",
                           std::map<std::string, Credentials> credentials = {}) {
    return client(std::move(credentials))
        .pull(name(registry, rest), Platform::host(), PullPolicy::always, *to_.store, cancel_, progress_);
  }
  // Puts an image into the registry, past the protocol.
  Digest seed(TestRegistry& registry, const std::vector<std::string>& contents,
              const std::string& repository = "team/app") {
    const Digest image = make_image(*from_.store, contents);
    const Manifest manifest = must(from_.store->manifest(image));
    for (const auto& layer : manifest.layers)
      registry.put_blob(repository, must(from_.store->read_blob(layer.digest, 1U << 30U)));
    registry.put_blob(repository, must(from_.store->read_blob(manifest.config.digest, 1U << 20U)));
    registry.put_manifest(repository, "1", manifest.media_type, must(from_.store->read_blob(image, 1U << 20U)));
    return image;
  }
  const std::map<std::string, Credentials> login(const TestRegistry& registry, const std::string& password = "s3cret") {
    return {{registry.host(), {"user", password}}};
  }

  RegistrySettings settings_;
  TestStore from_, to_;
  Cancel cancel_;
  NoProgress progress_;
};

const std::string kBig = noise(3'000'000, 7);

TEST_F(RegistryTest, PushesBlobsThenManifest) {
  TestRegistry registry;
  const Digest image = make_image(*from_.store, {"small", kBig});
  const auto pushed = push(registry, image);
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(pushed->manifest_digest, image);
  EXPECT_EQ(pushed->sent_blobs, 3U);
  EXPECT_EQ(pushed->known_blobs, 0U);
  const auto stored = registry.manifest("team/app", "1");
  ASSERT_TRUE(stored);
  EXPECT_EQ(Digest::of(stored->text), image);
  EXPECT_EQ(stored->type, media_type::kOciManifest);
  EXPECT_EQ(registry.count("PATCH", "/uploads/"), 1);  // the small ones go with the closing PUT
  EXPECT_EQ(registry.server().requests().back().method, "PUT");
  EXPECT_THAT(registry.complaints(), testing::IsEmpty());
}

TEST_F(RegistryTest, SecondPushSendsNothing) {
  TestRegistry registry;
  const Digest image = make_image(*from_.store, {"one", "two"});
  ASSERT_TRUE(push(registry, image));
  const auto again = push(registry, image, "team/app:2");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->sent_blobs, 0U);
  EXPECT_EQ(again->sent_bytes, 0U);
  EXPECT_EQ(again->known_blobs, 3U);
}

TEST_F(RegistryTest, MountsWhatAnotherRepositoryHas) {
  TestRegistry registry;
  const Digest image = make_image(*from_.store, {"one", "two"});
  Registry same = client();
  ASSERT_TRUE(same.push(*from_.store, image, name(registry, "base/image:1"), cancel_, progress_));
  const auto pushed = same.push(*from_.store, image, name(registry, "team/app:1"), cancel_, progress_);
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(pushed->sent_blobs, 0U);
  EXPECT_EQ(pushed->known_blobs, 3U);
  EXPECT_THAT(registry.complaints(), testing::IsEmpty());
}

TEST_F(RegistryTest, MountsWhatWasPulledByAnotherProcess) {
  TestRegistry registry({.auth = TestRegistry::Auth::bearer});
  seed(registry, {"base layer"}, "base/image");
  const auto pulled = pull(registry, "base/image:1", login(registry));
  ASSERT_TRUE(pulled) << pulled.error().text();
  const auto pushed = client(login(registry))
                          .push(*to_.store, pulled->manifest_digest, name(registry, "team/app:1"), cancel_, progress_);
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(pushed->known_blobs, 2U);
}

TEST_F(RegistryTest, UploadsWhereMountIsNotDone) {
  TestRegistry registry({.mounts = false});
  const Digest image = make_image(*from_.store, {"one"});
  Registry same = client();
  ASSERT_TRUE(same.push(*from_.store, image, name(registry, "base/image:1"), cancel_, progress_));
  const auto pushed = same.push(*from_.store, image, name(registry, "team/app:1"), cancel_, progress_);
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(pushed->sent_blobs, 2U);
  EXPECT_THAT(registry.complaints(), testing::IsEmpty());
}

// Both layers are known: what is told of one must not pass for what was found in the other.
TEST_F(RegistryTest, KnownBlobUnderTheDiffIdOfAnotherIsRefused) {
  TestRegistry registry;
  seed(registry, {"harmless"}, "team/one");
  seed(registry, {"harmful"}, "team/two");
  const auto one = pull(registry, "team/one:1");
  const auto two = pull(registry, "team/two:1");
  ASSERT_TRUE(one && two);
  const Manifest harmless = must(to_.store->manifest(one->manifest_digest));
  Manifest mixed = must(to_.store->manifest(two->manifest_digest));
  const Descriptor blob = mixed.layers.front();
  mixed.config = harmless.config;
  registry.put_blob("team/mixed", must(to_.store->read_blob(blob.digest, 1U << 20U)));
  registry.put_blob("team/mixed", must(to_.store->read_blob(mixed.config.digest, 1U << 20U)));
  registry.put_manifest("team/mixed", "1", mixed.media_type, to_json(mixed));
  const auto pulled = pull(registry, "team/mixed:1");
  ASSERT_FALSE(pulled);
  EXPECT_EQ(
      pulled.error().text(),
      fmt::format("layer {}: its diffID is {}, the image's config says {}", blob.digest.str(),
                  must(to_.store->config(must(to_.store->manifest(two->manifest_digest)))).diff_ids[0].digest.str(),
                  must(to_.store->config(harmless)).diff_ids[0].digest.str()));
}

TEST_F(RegistryTest, PullsAndRecordsLayers) {
  TestRegistry registry;
  const Digest image = seed(registry, {"one", kBig, "one"});
  const auto pulled = pull(registry);
  ASSERT_TRUE(pulled) << pulled.error().text();
  EXPECT_EQ(pulled->manifest_digest, image);
  EXPECT_FALSE(pulled->was_present);
  const Manifest manifest = must(to_.store->manifest(image));
  const ImageConfig config = must(to_.store->config(manifest));
  for (const auto& diff_id : config.diff_ids)
    EXPECT_TRUE(must(to_.store->find_layer(diff_id)));
  EXPECT_EQ(must(to_.store->find(name(registry, "team/app:1"))), image);
  EXPECT_THAT(registry.complaints(), testing::IsEmpty());
}

TEST_F(RegistryTest, SecondPullAsksOnlyForTheDigest) {
  TestRegistry registry;
  seed(registry, {"one"});
  ASSERT_TRUE(pull(registry));
  const auto before = registry.server().requests().size();
  const auto again = pull(registry);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->was_present);
  EXPECT_EQ(registry.server().requests().size(), before + 1);
  EXPECT_EQ(registry.server().requests().back().method, "HEAD");
  const auto present = client().pull(name(registry, "team/app:1"), Platform::host(), PullPolicy::if_not_present,
                                     *to_.store, cancel_, progress_);
  ASSERT_TRUE(present);
  EXPECT_TRUE(present->was_present);
  EXPECT_EQ(registry.server().requests().size(), before + 1);
}

TEST_F(RegistryTest, PullsByDigest) {
  TestRegistry registry;
  const Digest image = seed(registry, {"one"});
  const auto pulled = pull(registry, "team/app@" + image.str());
  ASSERT_TRUE(pulled) << pulled.error().text();
  EXPECT_EQ(pulled->manifest_digest, image);
}

TEST_F(RegistryTest, ChoosesThePlatformOfAnIndex) {
  TestRegistry registry;
  const Digest ours = seed(registry, {"ours"});
  ImageIndex index;
  index.media_type = media_type::kDockerList;
  const auto entry = [](const Digest& digest, std::optional<Platform> platform) {
    return Descriptor{.media_type = std::string(media_type::kOciManifest),
                      .digest = digest,
                      .size_bytes = 1,
                      .platform = std::move(platform)};
  };
  index.manifests = {entry(Digest::of("a"), Platform{"linux", "riscv64", ""}),
                     entry(Digest::of("b"), Platform{"unknown", "unknown", ""}), entry(ours, Platform::host())};
  registry.put_manifest("team/app", "all", std::string(media_type::kDockerList), to_json(index));
  const auto pulled = pull(registry, "team/app:all");
  ASSERT_TRUE(pulled) << pulled.error().text();
  EXPECT_EQ(pulled->manifest_digest, ours);

  const auto other = client().pull(name(registry, "team/app:all"), Platform{"linux", "s390x", ""}, PullPolicy::always,
                                   *to_.store, cancel_, progress_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().text(), name(registry, "team/app:all").familiar() +
                                      ": there is no image for linux/s390x; it has linux/riscv64, " +
                                      Platform::host().str() + " (choose another --platform)");
}

TEST_F(RegistryTest, MissingImageIsAUserFault) {
  TestRegistry registry;
  const auto pulled = pull(registry, "team/app:nope");
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().fault(), Fault::user);
  EXPECT_EQ(pulled.error().text(), registry.server().url("/v2/team/app/manifests/nope") + ": pulling " +
                                       name(registry, "team/app:nope").familiar() +
                                       ": it does not exist (404: manifest unknown) (check the name and the tag)");
}

struct StatusCase {
  int status;
  bool retried;
};

TEST_F(RegistryTest, RetriesOnlyWhatMayPass) {
  for (const auto& [status, retried] : std::vector<StatusCase>{{408, true},
                                                               {429, true},
                                                               {500, true},
                                                               {502, true},
                                                               {503, true},
                                                               {504, true},
                                                               {400, false},
                                                               {403, false},
                                                               {405, false}}) {
    TestRegistry registry;
    registry.fail_times(2, "PUT", "/manifests/", {.status = status});
    const auto pushed = push(registry, make_image(*from_.store, {"x"}));
    EXPECT_EQ(pushed.has_value(), retried) << status;
    EXPECT_EQ(registry.count("PUT", "/manifests/"), retried ? 3 : 1) << status;
  }
}

struct MissedBlobCase {
  int status;
  std::string code;
  bool looks_again;
};

TEST_F(RegistryTest, LooksForItsBlobsAgainWhenTheManifestMissesOne) {
  for (const auto& [status, code, looks_again] : std::vector<MissedBlobCase>{{400, "MANIFEST_BLOB_UNKNOWN", true},
                                                                             {404, "MANIFEST_BLOB_UNKNOWN", true},
                                                                             {404, "BLOB_UNKNOWN", true},
                                                                             {400, "MANIFEST_INVALID", false},
                                                                             {403, "MANIFEST_BLOB_UNKNOWN", false}}) {
    TestRegistry registry;
    registry.fail_times(2, "PUT", "/manifests/",
                        {.status = status, .body = fmt::format(R"({{"errors": [{{"code": "{}"}}]}})", code)});
    const auto pushed = push(registry, make_image(*from_.store, {"x"}));
    EXPECT_EQ(pushed.has_value(), looks_again) << status << " " << code;
    EXPECT_EQ(registry.count("PUT", "/manifests/"), looks_again ? 3 : 1) << status << " " << code;
    EXPECT_EQ(registry.count("HEAD", "/blobs/"), looks_again ? 6 : 2) << status << " " << code;
    EXPECT_EQ(pushed ? pushed->sent_blobs + pushed->known_blobs : 0, looks_again ? 2U : 0U) << status << " " << code;
  }
}

TEST_F(RegistryTest, SaysWhichBlobStaysMissing) {
  TestRegistry registry;
  registry.fail_times(
      100, "PUT", "/manifests/",
      {.status = 404, .body = R"({"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown",
                                                "detail": "sha256:1234"}]})"});
  const auto pushed = push(registry, make_image(*from_.store, {"x"}));
  ASSERT_FALSE(pushed);
  EXPECT_THAT(pushed.error().text(), testing::HasSubstr("blob unknown: sha256:1234"));
  EXPECT_EQ(registry.count("PUT", "/manifests/"), settings_.attempts);
}

TEST_F(RegistryTest, GivesUpAfterItsAttempts) {
  TestRegistry registry;
  registry.fail_times(100, "POST", "/uploads/", {.status = 503, .body = "<html>upstream down</html>"});
  const auto pushed = push(registry, make_image(*from_.store, {"x"}));
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().fault(), Fault::remote);
  EXPECT_THAT(pushed.error().text(), testing::MatchesRegex(".*/v2/team/app/blobs/uploads/: pushing (layer|config) "
                                                           "[0-9a-f]{12}: the registry answered 503"));
  EXPECT_FALSE(registry.manifest("team/app", "1"));
}

TEST_F(RegistryTest, ObeysRetryAfter) {
  TestRegistry registry;
  registry.fail_times(1, "HEAD", "/blobs/", {.status = 429, .headers = {{"Retry-After", "1"}}});
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(push(registry, make_image(*from_.store, {"x"})));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

TEST_F(RegistryTest, DoesNotWaitForHours) {
  TestRegistry registry;
  registry.fail_times(9, "HEAD", "/blobs/", {.status = 429, .headers = {{"Retry-After", "7200"}}});
  registry.fail_times(9, "POST", "/uploads/",
                      {.status = 429,
                       .headers = {{"Retry-After", "7200"}},
                       .body = R"({"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]})"});
  const auto pushed = push(registry, make_image(*from_.store, {"x"}));
  ASSERT_FALSE(pushed);
  EXPECT_THAT(pushed.error().text(),
              testing::HasSubstr("too many requests (429: slow down) (log in, use a mirror, or wait)"));
}

TEST_F(RegistryTest, SendsABrokenUploadAgainInANewSession) {
  TestRegistry registry;
  registry.fail_times(2, "PATCH", "/uploads/", {.hang_up = true});
  const auto pushed = push(registry, make_image(*from_.store, {kBig}));
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(registry.count("PATCH", "/uploads/"), 3);
  EXPECT_GE(registry.count("POST", "/uploads/"), 4);
  EXPECT_THAT(registry.complaints(), testing::IsEmpty());
}

TEST_F(RegistryTest, TakesATruncatedBlobAgain) {
  TestRegistry registry;
  const Digest image = seed(registry, {kBig});
  const Manifest manifest = must(from_.store->manifest(image));
  registry.fail_times(
      2, "GET", manifest.layers[0].digest.str(),
      {.body = must(from_.store->read_blob(manifest.layers[0].digest, 1U << 30U)), .cut_body_at = 1'000'000});
  const auto pulled = pull(registry);
  ASSERT_TRUE(pulled) << pulled.error().text();
  EXPECT_EQ(registry.count("GET", manifest.layers[0].digest.str()), 3);
}

TEST_F(RegistryTest, RefusesABlobWithAnotherDigest) {
  TestRegistry registry;
  const Digest image = seed(registry, {"right"});
  const Descriptor layer = must(from_.store->manifest(image)).layers[0];
  std::string wrong = must(from_.store->read_blob(layer.digest, 1U << 20U));
  wrong.back() = static_cast<char>(wrong.back() ^ 1);
  registry.fail_times(9, "GET", layer.digest.str(), {.body = wrong});
  const auto pulled = pull(registry);
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().fault(), Fault::remote);
  EXPECT_EQ(pulled.error().text(), registry.server().url("/v2/team/app/blobs/" + layer.digest.str()) + ": blob " +
                                       layer.digest.str() + " was announced, what came is " + Digest::of(wrong).str());
  EXPECT_FALSE(to_.store->has_blob(layer.digest));
  EXPECT_FALSE(must(to_.store->find(name(registry, "team/app:1"))));
  EXPECT_THAT(must(to_.store->verify()), testing::IsEmpty());
}

TEST_F(RegistryTest, RefusesABlobThatIsTooLong) {
  TestRegistry registry;
  const Digest image = seed(registry, {"right"});
  const Descriptor layer = must(from_.store->manifest(image)).layers[0];
  registry.fail_times(9, "GET", layer.digest.str(), {.body = std::string(layer.size_bytes + 1, 'x'), .chunked = true});
  const auto pulled = pull(registry);
  ASSERT_FALSE(pulled);
  EXPECT_THAT(pulled.error().text(), testing::HasSubstr("the reply is larger than"));
}

TEST_F(RegistryTest, RefusesAManifestWithAnotherDigest) {
  TestRegistry registry;
  const Digest image = seed(registry, {"x"});
  registry.fail_times(9, "GET", "/manifests/", {.body = "{}"});
  const auto pulled = pull(registry, "team/app@" + image.str());
  ASSERT_FALSE(pulled);
  EXPECT_THAT(pulled.error().text(), testing::EndsWith(image.str() + " was asked for"));
}

TEST_F(RegistryTest, RefusesALayerWithAnotherDiffId) {
  TestRegistry registry;
  const Digest image = make_image(*from_.store, {"one"});
  Manifest manifest = must(from_.store->manifest(image));
  ImageConfig config = must(from_.store->config(manifest));
  config.diff_ids[0] = DiffId{Digest::of("another")};
  const std::string config_text = to_json(config);
  manifest.config.digest = Digest::of(config_text);
  manifest.config.size_bytes = config_text.size();
  registry.put_blob("team/app", config_text);
  registry.put_blob("team/app", must(from_.store->read_blob(manifest.layers[0].digest, 1U << 20U)));
  registry.put_manifest("team/app", "1", manifest.media_type, to_json(manifest));
  const auto pulled = pull(registry);
  ASSERT_FALSE(pulled);
  EXPECT_THAT(pulled.error().text(), testing::HasSubstr("the image's config says " + Digest::of("another").str()));
  EXPECT_FALSE(must(to_.store->find_layer(config.diff_ids[0])));
}

TEST_F(RegistryTest, BasicLogin) {
  TestRegistry registry({.auth = TestRegistry::Auth::basic});
  const Digest image = make_image(*from_.store, {"x"});
  const auto anonymous = push(registry, image);
  ASSERT_FALSE(anonymous);
  EXPECT_EQ(anonymous.error().fault(), Fault::user);
  EXPECT_EQ(anonymous.error().text(), registry.host() +
                                          ": authentication required, and there are no credentials for "
                                          "it (docker login " +
                                          registry.host() + ")");
  const auto wrong = push(registry, image, "team/app:1", login(registry, "wr0ng"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().text(),
            registry.host() + ": the registry refused the credentials (401) (docker login " + registry.host() + ")");
  EXPECT_TRUE(push(registry, image, "team/app:1", login(registry)));
  EXPECT_TRUE(pull(registry, "team/app:1", login(registry)));
}

TEST_F(RegistryTest, BearerTokensAreShared) {
  TestRegistry registry({.auth = TestRegistry::Auth::bearer});
  const auto pushed =
      push(registry, make_image(*from_.store, {"1", "2", "3", "4", "5", kBig}), "team/app:1", login(registry));
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(registry.tokens_given(), 1);
  EXPECT_THAT(registry.complaints(), testing::IsEmpty());
}

TEST_F(RegistryTest, TokenThatExpiresInMidPushIsRenewed) {
  TestRegistry registry({.auth = TestRegistry::Auth::bearer, .token_uses = 3});
  settings_.parallel_blobs = 1;
  const auto pushed = push(registry, make_image(*from_.store, {"1", "2", kBig}), "team/app:1", login(registry));
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_GE(registry.tokens_given(), 4);
  EXPECT_TRUE(registry.manifest("team/app", "1"));
}

TEST_F(RegistryTest, IdentityTokensAreSentAsRefreshTokens) {
  TestRegistry registry({.auth = TestRegistry::Auth::bearer});
  const auto pushed =
      push(registry, make_image(*from_.store, {"1"}), "team/app:1", {{registry.host(), {.identity_token = "s3cret"}}});
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(registry.count("POST", "/token"), 1);
}

TEST_F(RegistryTest, AnonymousPullGetsAToken) {
  TestRegistry registry({.auth = TestRegistry::Auth::bearer});
  seed(registry, {"x"});
  const auto pulled = pull(registry);
  ASSERT_TRUE(pulled) << pulled.error().text();
}

TEST_F(RegistryTest, RefusedLoginTellsTheTokenServersWords) {
  TestRegistry registry({.auth = TestRegistry::Auth::bearer});
  const auto login_error = client().check_login(registry.host(), {"user", "wr0ng"}, cancel_);
  ASSERT_FALSE(login_error);
  EXPECT_EQ(login_error.error().text(), registry.host() +
                                            ": the registry refused the credentials (401: incorrect "
                                            "username or password) (docker login " +
                                            registry.host() + ")");
  EXPECT_TRUE(client().check_login(registry.host(), {"user", "s3cret"}, cancel_));
}

TEST_F(RegistryTest, CredentialsAreNotSentToAForeignPlainTokenServer) {
  TestRegistry registry({.auth = TestRegistry::Auth::bearer, .realm = "http://auth.example/token"});
  const auto pushed = push(registry, make_image(*from_.store, {"x"}), "team/app:1", login(registry));
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().text(),
            registry.host() + ": credentials are not sent to the token server auth.example over plain http");
}

TEST_F(RegistryTest, BlobRedirectsGetNoCredentials) {
  TestRegistry registry({.auth = TestRegistry::Auth::basic});
  const Digest image = seed(registry, {kBig});
  const Descriptor layer = must(from_.store->manifest(image)).layers[0];
  const std::string content = must(from_.store->read_blob(layer.digest, 1U << 30U));
  test::HttpServer storage([&](const ServerRequest&) { return ServerReply{.body = content}; });
  registry.set_fault([&](const ServerRequest& request) -> std::optional<ServerReply> {
    if (request.method == "GET" && request.path.ends_with(layer.digest.str()) &&
        !request.header("authorization").empty())
      return ServerReply{.status = 307, .headers = {{"Location", storage.url("/bucket?X-Amz-Signature=abc")}}};
    return std::nullopt;
  });
  const auto pulled = pull(registry, "team/app:1", login(registry));
  ASSERT_TRUE(pulled) << pulled.error().text();
  ASSERT_EQ(storage.requests().size(), 1U);
  EXPECT_EQ(storage.requests()[0].header("authorization"), "");
}

TEST_F(RegistryTest, UploadLocationElsewhereGetsNoCredentials) {
  TestRegistry registry({.auth = TestRegistry::Auth::basic});
  test::HttpServer storage([&](const ServerRequest&) { return ServerReply{.status = 201}; });
  registry.set_fault([&](const ServerRequest& request) -> std::optional<ServerReply> {
    if (request.method == "POST" && !request.header("authorization").empty())
      return ServerReply{.status = 202, .headers = {{"Location", storage.url("/up?id=1")}}};
    return std::nullopt;
  });
  static_cast<void>(push(registry, make_image(*from_.store, {"x"}), "team/app:1", login(registry)));
  ASSERT_FALSE(storage.requests().empty());
  for (const auto& request : storage.requests())
    EXPECT_EQ(request.header("authorization"), "");
}

TEST_F(RegistryTest, MirrorsComeFirstForPullsOnly) {
  TestRegistry origin, mirror;
  seed(mirror, {"from mirror"}, "cache/team/app");
  settings_.hosts[origin.host()].mirrors = {mirror.host() + "/cache"};
  const auto pulled = pull(origin);
  ASSERT_TRUE(pulled) << pulled.error().text();
  EXPECT_EQ(origin.server().requests().size(), 0U);
  const auto pushed =
      client().push(*to_.store, pulled->manifest_digest, name(origin, "team/new:1"), cancel_, progress_);
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(mirror.count("POST", ""), 0);
}

TEST_F(RegistryTest, FallsBackFromAMirrorThatLacksOrFails) {
  for (const int status : {404, 500}) {
    TestRegistry origin, mirror;
    const Digest image = seed(origin, {"only here"});
    mirror.fail_times(100, "GET", "", {.status = status});
    mirror.fail_times(100, "HEAD", "", {.status = status});
    settings_.hosts[origin.host()].mirrors = {mirror.host()};
    const auto pulled = pull(origin);
    ASSERT_TRUE(pulled) << pulled.error().text();
    EXPECT_EQ(pulled->manifest_digest, image);
    EXPECT_GE(mirror.server().requests().size(), 1U);
  }
}

TEST_F(RegistryTest, FallsBackFromADeadMirror) {
  TestRegistry origin;
  seed(origin, {"x"});
  settings_.hosts[origin.host()].mirrors = {"127.0.0.1:1"};
  EXPECT_TRUE(pull(origin));
}

TEST_F(RegistryTest, WrongBlobOfAMirrorIsTakenFromTheOrigin) {
  TestRegistry origin, mirror;
  const Digest image = seed(origin, {"good"});
  const Manifest manifest = must(from_.store->manifest(image));
  mirror.put_manifest("team/app", "1", manifest.media_type, must(from_.store->read_blob(image, 1U << 20U)));
  mirror.fail_times(100, "GET", "/blobs/", {.body = "bad"});
  settings_.hosts[origin.host()].mirrors = {mirror.host()};
  const auto pulled = pull(origin);
  ASSERT_TRUE(pulled) << pulled.error().text();
}

TEST_F(RegistryTest, ResolvesNames) {
  TestRegistry registry;
  const Digest image = seed(registry, {"x"});
  EXPECT_EQ(must(client().resolve(name(registry, "team/app:1"), cancel_)), image);
  EXPECT_EQ(must(client().resolve(name(registry, "team/app:2"), cancel_)), std::nullopt);
}

TEST_F(RegistryTest, ListsTagsOverPages) {
  TestRegistry registry;
  for (const char* tag : {"a", "b", "c", "d", "e"})
    registry.put_manifest("team/app", tag, std::string(media_type::kOciManifest), std::string("{}") + tag);
  EXPECT_THAT(must(client().tags(name(registry, "team/app"), cancel_)), testing::ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(RegistryTest, GivesDocumentsAndSmallBlobsAsTheyAre) {
  TestRegistry registry;
  const Digest image = make_image(*from_.store, {"x"});
  ASSERT_TRUE(push(registry, image));
  const auto document = must(client().document(name(registry, "team/app:1"), cancel_));
  ASSERT_TRUE(document);
  EXPECT_EQ(document->digest, image);
  EXPECT_EQ(document->text, must(from_.store->read_blob(image, kMaxManifestBytes)));
  EXPECT_FALSE(must(client().document(name(registry, "team/app:none"), cancel_)));
  const Digest config = must(from_.store->manifest(image)).config.digest;
  EXPECT_EQ(must(client().blob_text(name(registry, "team/app:1"), config, kMaxConfigBytes, cancel_)),
            must(from_.store->read_blob(config, kMaxConfigBytes)));
  EXPECT_FALSE(client().blob_text(name(registry, "team/app:1"), config, 10, cancel_));
  EXPECT_FALSE(client().blob_text(name(registry, "team/app:1"), Digest::of("not there"), kMaxConfigBytes, cancel_));
}

TEST_F(RegistryTest, CancelEndsAPush) {
  TestRegistry registry;
  registry.set_fault([&](const ServerRequest& request) -> std::optional<ServerReply> {
    if (request.method != "PATCH") return std::nullopt;
    cancel_.cancel();
    return ServerReply{.body = "x", .stall = true};
  });
  const auto pushed = push(registry, make_image(*from_.store, {kBig}));
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().text(), "stopped on request");
  EXPECT_FALSE(registry.manifest("team/app", "1"));
}

TEST_F(RegistryTest, RefusedPushTellsTheRegistrysWords) {
  TestRegistry registry;
  registry.fail_times(9, "PUT", "/manifests/",
                      {.status = 403, .body = R"({"errors":[{"code":"DENIED","message":"the tag is protected"}]})"});
  const auto pushed = push(registry, make_image(*from_.store, {"x"}));
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().text(), registry.server().url("/v2/team/app/manifests/1") + ": pushing the manifest of " +
                                       name(registry, "team/app:1").familiar() +
                                       " is denied (403: the tag is protected) (check what the credentials for " +
                                       registry.host() + " may do)");
}

}  // namespace
}  // namespace scangate
