#include <gtest/gtest.h>

#include "base/base64.h"
#include "pipeline/registry/registry.h"

namespace scangate {
namespace {

// Answers as a credential helper, and records what it was asked.
class HelperRunner final : public ProcessRunner {
 public:
  Result<Exit> run(const Command& command, const Cancel&, const OnOutput& on_output) override {
    asked.push_back(command.argv[0] + " " + command.argv[1] + " " + command.input.value_or(""));
    on_output(Stream::out, answer);
    return Exit{.code = code};
  }
  std::vector<std::string> asked;
  std::string answer;
  int code = 0;
};

class DockerConfigTest : public testing::Test {
 protected:
  std::string find(const std::string& json, const std::string& registry, const std::string& repository = "a/b") {
    auto source = docker_config_credentials(json, "config.json", runner_);
    if (!source) return source.error().text();
    const auto found = (*source)->find(registry, repository);
    if (!found) return found.error().text();
    if (!*found) return "none";
    return (*found)->username + ":" + (*found)->password + ":" + (*found)->identity_token;
  }
  HelperRunner runner_;
};

TEST_F(DockerConfigTest, ReadsAuth) {
  const std::string json = R"({"auths":{"reg.example:5000":{"auth":")" + base64_encode("me:pa:ss") +
                           R"("},"plain":{"username":"u","password":"p"},"idp":{"auth":")" + base64_encode("u:") +
                           R"(","identitytoken":"idt"}}})";
  EXPECT_EQ(find(json, "reg.example:5000"), "me:pa:ss:");
  EXPECT_EQ(find(json, "plain"), "u:p:");
  EXPECT_EQ(find(json, "idp"), "u::idt");
  EXPECT_EQ(find(json, "other"), "none");
}

TEST_F(DockerConfigTest, KnowsDockerHubByAllItsNames) {
  for (const std::string key : {"https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io",
                                "https://registry-1.docker.io/v2/"})
    EXPECT_EQ(find(R"({"auths":{")" + key + R"(":{"username":"u","password":"p"}}})", "docker.io"), "u:p:") << key;
}

TEST_F(DockerConfigTest, TakesTheLongestPath) {
  const std::string json =
      R"({"auths":{"reg":{"username":"host","password":""},"reg/team":{"username":"team","password":""},
                                        "reg/team/app":{"username":"app","password":""}}})";
  EXPECT_EQ(find(json, "reg", "team/app"), "app::");
  EXPECT_EQ(find(json, "reg", "team/other"), "team::");
  EXPECT_EQ(find(json, "reg", "teams/other"), "host::");
}

TEST_F(DockerConfigTest, AsksHelpersFirst) {
  runner_.answer = R"({"ServerURL":"x","Username":"from-helper","Secret":"s"})";
  const std::string json =
      R"({"auths":{"reg":{"username":"u","password":"p"}},"credHelpers":{"reg":"one"},"credsStore":"all"})";
  EXPECT_EQ(find(json, "reg"), "from-helper:s:");
  EXPECT_EQ(find(json, "docker.io"), "from-helper:s:");
  EXPECT_EQ(runner_.asked, (std::vector<std::string>{"docker-credential-one get reg",
                                                     "docker-credential-all get https://index.docker.io/v1/"}));
}

TEST_F(DockerConfigTest, HelperMayGiveAnIdentityToken) {
  runner_.answer = R"({"Username":"<token>","Secret":"idt"})";
  EXPECT_EQ(find(R"({"credsStore":"x"})", "reg"), "::idt");
}

TEST_F(DockerConfigTest, HelperWithoutCredentialsFallsBackToTheFile) {
  runner_.answer = "credentials not found in native keychain\n";
  runner_.code = 1;
  EXPECT_EQ(find(R"({"auths":{"reg":{"username":"u","password":"p"}},"credsStore":"x"})", "reg"), "u:p:");
  EXPECT_EQ(find(R"({"credsStore":"x"})", "reg"), "none");
}

TEST_F(DockerConfigTest, BrokenHelperIsAnErrorWithoutItsOutput) {
  runner_.answer = "panic: s3cret";
  runner_.code = 2;
  EXPECT_EQ(find(R"({"credsStore":"x"})", "reg"), "config.json: the credential helper 'x' ended with 2");
}

TEST_F(DockerConfigTest, RefusesWhatItCannotRead) {
  EXPECT_EQ(find("[]", "reg"), "config.json: this is not a JSON object");
  EXPECT_EQ(find(R"({"auths":{"reg":{"auth":"!"}}})", "reg"),
            "config.json: auths.reg: 'auth' is not the base64 of user:password");
  EXPECT_EQ(find(R"({"credsStore":"../../bin/sh"})", "reg"),
            "config.json: credsStore: this is not the name of a credential helper");
  EXPECT_EQ(find(R"({"credHelpers":{"reg":"a b"}})", "reg"),
            "config.json: credHelpers.reg: this is not the name of a credential helper");
}

TEST(Credentials, ChainTakesTheFirstThatKnows) {
  const auto chain = chained_credentials({fixed_credentials({{"a", {"one", ""}}}),
                                          fixed_credentials({{"a", {"two", ""}}, {"index.docker.io", {"hub", ""}}})});
  EXPECT_EQ((*chain->find("a", ""))->username, "one");
  EXPECT_EQ((*chain->find("docker.io", "library/x"))->username, "hub");
  EXPECT_FALSE(*chain->find("c", ""));
}

}  // namespace
}  // namespace scangate
