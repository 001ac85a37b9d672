#include "executor/forward/forward_rules.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

constexpr const char* kRegistry =
    "registry tokens are not given to jobs: use docker login, pull and push, which the image gate serves";
constexpr const char* kTwoWays = "the path can be read in more than one way";
constexpr const char* kOther = "only GitLab's API and git are forwarded";

TEST(ForwardRules, LetApiAndGitThroughAndNothingElse) {
  const struct {
    const char* method;
    const char* target;
    const char* root;
    const char* why;  // nullptr: forwarded
  } cases[] = {
      {"GET", "/api/v4/projects/1", "", nullptr},
      {"PUT", "/api/v4/projects/group%2Fapp/packages/generic/a/1/f.tgz", "", nullptr},
      {"POST", "/api/v4/jobs/42/artifacts?artifact_type=junit", "", nullptr},
      {"POST", "/api/graphql", "", nullptr},
      {"GET", "/group/app.git/info/refs?service=git-upload-pack", "", nullptr},
      {"POST", "/group/sub/app.git/git-upload-pack", "", nullptr},
      {"POST", "/group/app.git/git-receive-pack", "", nullptr},
      {"POST", "/group/app.git/info/lfs/objects/batch", "", nullptr},
      {"GET", "/gitlab/api/v4/version", "/gitlab", nullptr},
      {"GET", "/gitlab/group/app.git/info/refs", "/gitlab", nullptr},
      {"GET", "/jwt/auth?service=container_registry&scope=repository:a:push", "", kRegistry},
      {"GET", "/gitlab/jwt/auth", "/gitlab", kRegistry},
      {"GET", "/v2/group/dependency_proxy/containers/alpine/manifests/latest", "", kRegistry},
      {"GET", "/jwt%2Fauth", "", kOther},
      {"GET", "/%6awt/auth", "", kOther},
      {"GET", "/api/v4/../../jwt/auth", "", kTwoWays},
      {"GET", "/api/v4/%2e%2e/%2E./jwt/auth", "", kTwoWays},
      {"GET", "/api/v4/%252e%252e/jwt/auth", "", kTwoWays},
      {"GET", "/api/v4/..%2f..%2fjwt/auth", "", kTwoWays},
      {"GET", "/api/v4/..\\..\\jwt/auth", "", kTwoWays},
      {"GET", "//jwt/auth", "", kTwoWays},
      {"GET", "/api/v4//..//jwt/auth", "", kTwoWays},
      {"GET", "/api/v4/a%0d%0aHost:%20x", "", kTwoWays},
      {"GET", "http://attacker.example/api/v4/x", "", kTwoWays},
      {"GET", "/api/v4/%zz", "", kTwoWays},
      {"GET", "/users/sign_in", "", kOther},
      {"GET", "/info/refs", "", kOther},
      {"GET", "/oauth/token", "", kOther},
      {"GET", "/api/v4/version", "/gitlab", "the path is not GitLab's"},
      {"GET", "/gitlabx/api/v4/version", "/gitlab", "the path is not GitLab's"},
      {"CONNECT", "/api/v4/version", "", "the method CONNECT is not forwarded"},
      {"OPTIONS", "*", "", "the method OPTIONS is not forwarded"},
  };
  for (const auto& c : cases) {
    const auto why = why_not_forwarded(c.method, c.target, c.root);
    EXPECT_EQ(why, c.why == nullptr ? std::nullopt : std::optional<std::string>(c.why)) << c.method << " " << c.target;
  }
}

}  // namespace
}  // namespace scangate
