#include "executor/forward/job_gateway.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "executor/forward/proxy_exception.h"

namespace scangate {
namespace {

const std::string kToken = "glcbt-64_Zx9-QwertyUiop_1234";
const std::string kException = with_proxy_exception("", "127.0.0.1");

class Gateway : public ::testing::Test {
 protected:
  void SetUp() override {
    broker_->add(kToken, {"gitlab.example"}, {"gitlab-ci-token"});
    placeholder_ = broker_->placeholder(kToken);
    auto listener = listen_on_loopback();
    ASSERT_TRUE(listener);
    auto opened =
        JobGateway::open(broker_,
                         ForwarderTarget{.server = {.scheme = "https", .host = "gitlab.example", .root = "/gl"},
                                         .reached_at = ServerAddress{"http", "gitlab.internal:8080", "/gl"},
                                         .also_called = {"git@gitlab.example:", "ssh://git@gitlab.example/"},
                                         .ca_file = {},
                                         .verify_certificates = true,
                                         .project_path = "group/app"},
                         std::move(*listener), make_curl_transport({}));
    ASSERT_TRUE(opened) << opened.error().text();
    gateway_.emplace(std::move(*opened));
  }
  std::string place() const { return gateway_->url().substr(7); }

  std::shared_ptr<Broker> broker_ = std::make_shared<Broker>();
  std::string placeholder_;
  std::optional<JobGateway> gateway_;
};

TEST_F(Gateway, TheScriptHoldsPlaceholdersAndTheForwardersAddress) {
  const std::string script =
      "eval $'export CI_API_V4_URL=$\\'https://gitlab.example/gl/api/v4\\'\\nexport CI_JOB_TOKEN=" + kToken +
      "\\nexport CI_API_GRAPHQL_URL=https://gitlab.example/gl/api/graphql\\nexport "
      "CI_SERVER_URL=https://gitlab.example/gl'\n";
  EXPECT_EQ(gateway_->script(script), kException + "eval $'export CI_API_V4_URL=$\\'" + gateway_->url() +
                                          "/api/v4\\'\\nexport CI_JOB_TOKEN=" + placeholder_ +
                                          "\\nexport CI_API_GRAPHQL_URL=" + gateway_->url() +
                                          "/api/graphql\\nexport CI_SERVER_URL=https://gitlab.example/gl'\n");
}

TEST_F(Gateway, AnApiAddressOfTheJobsOwnIsLeftAlone) {
  const std::string script = "export CI_API_V4_URL=https://attacker.example/api/v4\n";
  EXPECT_EQ(gateway_->script(script), kException + script);
}

TEST_F(Gateway, GitGoesThroughTheForwarderWithAndWithoutALogin) {
  EXPECT_EQ(
      gateway_->environment(),
      (std::vector<std::string>{
          "GIT_CONFIG_COUNT=7", "GIT_CONFIG_KEY_0=url.http://" + place() + "/.insteadOf",
          "GIT_CONFIG_VALUE_0=https://gitlab.example/gl/", "GIT_CONFIG_KEY_1=url.http://" + place() + "/.insteadOf",
          "GIT_CONFIG_VALUE_1=http://gitlab.internal:8080/gl/",
          "GIT_CONFIG_KEY_2=url.http://" + place() + "/.insteadOf", "GIT_CONFIG_VALUE_2=git@gitlab.example:",
          "GIT_CONFIG_KEY_3=url.http://" + place() + "/.insteadOf", "GIT_CONFIG_VALUE_3=ssh://git@gitlab.example/",
          "GIT_CONFIG_KEY_4=url.http://gitlab-ci-token:" + placeholder_ + "@" + place() + "/.insteadOf",
          "GIT_CONFIG_VALUE_4=https://gitlab-ci-token:" + placeholder_ + "@gitlab.example/gl/",
          "GIT_CONFIG_KEY_5=url.http://gitlab-ci-token:" + placeholder_ + "@" + place() + "/.insteadOf",
          "GIT_CONFIG_VALUE_5=http://gitlab-ci-token:" + placeholder_ + "@gitlab.internal:8080/gl/",
          "GIT_CONFIG_KEY_6=http.http://" + place() + "/.proxy", "GIT_CONFIG_VALUE_6="}));
}

// As the runner leaves it: the repository's own file rewrites its plain URL to one with the token, which is the
// placeholder, at the real server.
TEST_F(Gateway, TheRunnersOwnRewriteOfItsUrlDoesNotLeadAroundTheForwarder) {
  const auto folder = TempDir::make(std::filesystem::temp_directory_path(), "gateway-");
  ASSERT_TRUE(folder) << folder.error().text();
  ASSERT_TRUE(gateway_->add_git_config(folder->path()));
  std::vector<std::string> environment = gateway_->environment();
  environment.push_back("PATH=/usr/local/bin:/usr/bin:/bin");
  environment.push_back("HOME=" + folder->path().string());
  environment.push_back("GIT_CONFIG_SYSTEM=" + (folder->path() / "gitconfig").string());
  SystemProcessRunner runner;
  const auto git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"git", "-C", folder->path().string()});
    std::string out;
    const auto exit = runner.run({.argv = words, .environment = environment}, Cancel(),
                                 [&](Stream, std::string_view text) { out += text; });
    EXPECT_TRUE(exit) << exit.error().text();
    return out;
  };
  git({"init", "-q"});
  const std::string login = "gitlab-ci-token:" + placeholder_ + "@";
  for (const std::string path : {"/group/app.git", ""})
    git({"config", "url.https://" + login + "gitlab.example/gl" + path + ".insteadOf",
         "https://gitlab.example/gl" + path});
  // GIT_SUBMODULE_FORCE_HTTPS.
  git({"config", "url.https://" + login + "gitlab.example/gl/.insteadOf", "git@gitlab.example:"});
  const auto seen = [&](const std::string& url) { return git({"ls-remote", "--get-url", url}); };
  EXPECT_EQ(seen("https://gitlab.example/gl/group/app.git"), "http://" + login + place() + "/group/app.git\n");
  EXPECT_EQ(seen("https://gitlab.example/gl/group/other.git"), "http://" + login + place() + "/group/other.git\n");
  EXPECT_EQ(seen("https://" + login + "gitlab.example/gl/group/app.git"),
            "http://" + login + place() + "/group/app.git\n");
  for (const std::string other :
       {"git@gitlab.example:", "ssh://git@gitlab.example/", "http://gitlab.internal:8080/gl/"})
    EXPECT_EQ(seen(other + "group/other.git"), "http://" + login + place() + "/group/other.git\n");
  EXPECT_EQ(seen("https://elsewhere.example/group/app.git"), "https://elsewhere.example/group/app.git\n");
}

TEST_F(Gateway, ArtifactCommandsOfTheRunnerAreSentToTheForwarder) {
  const auto folder = TempDir::make(std::filesystem::temp_directory_path(), "gateway-");
  ASSERT_TRUE(folder) << folder.error().text();
  ASSERT_TRUE(gateway_->add_runner_command(folder->path(), "/bin/echo"));
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), (folder->path() / "bin/gitlab-runner").string());
    std::string out;
    SystemProcessRunner runner;
    const auto exit = runner.run({.argv = words, .environment = {"PATH=/usr/bin:/bin"}}, Cancel(),
                                 [&](Stream, std::string_view text) { out += text; });
    EXPECT_TRUE(exit) << exit.error().text();
    return out;
  };
  EXPECT_EQ(run({"artifacts-uploader", "--url", "https://gitlab.example/gl/", "--token", "t", "--path", "a b",
                 "--url-like", "x"}),
            "artifacts-uploader --url " + gateway_->url() + "/ --token t --path a b --url-like x\n");
  EXPECT_EQ(run({"cache-archiver", "--url", "https://objects.example/x"}),
            "cache-archiver --url https://objects.example/x\n");
}

}  // namespace
}  // namespace scangate
