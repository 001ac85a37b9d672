#include "executor/gitlab/server_address.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(ServerAddress, ComesFromTheCloneUrlWithoutItsCredentials) {
  const struct {
    const char* url;
    const char* project;
    const char* expected;
  } cases[] = {
      {"https://gitlab-ci-token:secret@gitlab.example/group/app.git", "group/app", "https://gitlab.example"},
      {"https://gitlab-ci-token:secret@gitlab.example:443/group/app.git", "group/app", "https://gitlab.example"},
      {"http://gitlab-ci-token:secret@127.0.0.1:8080/a/b/c.git", "a/b/c", "http://127.0.0.1:8080"},
      {"https://gitlab-ci-token:secret@Example.org/gitlab/group/app.git", "group/app", "https://example.org/gitlab"},
  };
  for (const auto& c : cases) {
    const auto address = server_address(c.url, c.project);
    ASSERT_TRUE(address) << address.error().text();
    EXPECT_EQ(address->url(), c.expected);
  }
}

TEST(ServerAddress, ABrokenUrlIsToldWithoutItsCredentials) {
  for (const char* url :
       {"", "gitlab.example/group/app.git", "ssh://git@gitlab.example/group/app.git", "https://x:secret@/group/app.git",
        "https://x:secret@gitlab.example", "https://x:secret@gitlab.example/other/app.git"}) {
    const auto address = server_address(url, "group/app");
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().fault(), Fault::host);
    EXPECT_EQ(address.error().text().find("secret"), std::string::npos) << address.error().text();
  }
}

TEST(ServerAddress, AnOriginIsSchemeAndHostAlone) {
  const std::pair<const char*, const char*> rows[] = {
      {"https://gitlab.internal", "https://gitlab.internal"},
      {"http://GitLab.internal:8080/", "http://gitlab.internal:8080"},
      {"https://gitlab.internal:443", "https://gitlab.internal"},
      {"https://[::1]:8443", "https://[::1]:8443"},
      {"gitlab.internal", ""},
      {"ssh://gitlab.internal", ""},
      {"https://", ""},
      {"https://gitlab.internal/gitlab", ""},
      {"https://user:secret@gitlab.internal", ""},
      {"https://gitlab.internal\nx", ""},
  };
  for (const auto& [url, expected] : rows) {
    const auto origin = server_origin(url);
    EXPECT_EQ(origin ? origin->url() : "", expected) << url;
  }
}

}  // namespace
}  // namespace scangate
