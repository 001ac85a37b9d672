#include "pipeline/image/reference.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

const std::string kDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(ReferenceTest, NamesAreCompletedAsDockerDoes) {
  struct Case {
    std::string text, complete, familiar;
  };
  const Case cases[] = {
      {"debian", "docker.io/library/debian:latest", "debian:latest"},
      {"debian:bookworm", "docker.io/library/debian:bookworm", "debian:bookworm"},
      {"group/app", "docker.io/group/app:latest", "group/app:latest"},
      {"docker.io/debian", "docker.io/library/debian:latest", "debian:latest"},
      {"index.docker.io/library/debian", "docker.io/library/debian:latest", "debian:latest"},
      {"docker.io/library/group/app:1", "docker.io/library/group/app:1", "library/group/app:1"},
      {"localhost/app", "localhost/app:latest", "localhost/app:latest"},
      {"127.0.0.1:5000/app:v1", "127.0.0.1:5000/app:v1", "127.0.0.1:5000/app:v1"},
      {"registry.example/a/b/c:1.0_x-y", "registry.example/a/b/c:1.0_x-y", "registry.example/a/b/c:1.0_x-y"},
      {"[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"},
      {"HOST/app", "HOST/app:latest", "HOST/app:latest"},
      {"a__b/c---d.e_f", "docker.io/a__b/c---d.e_f:latest", "a__b/c---d.e_f:latest"},
      {"docker.io/host.example/app", "docker.io/host.example/app:latest", "docker.io/host.example/app:latest"},
      {"docker.io/library/" + kDigest.substr(7), "docker.io/library/" + kDigest.substr(7) + ":latest",
       "library/" + kDigest.substr(7) + ":latest"},
      {"app@" + kDigest, "docker.io/library/app@" + kDigest, "app@" + kDigest},
      {"app:1@" + kDigest, "docker.io/library/app:1@" + kDigest, "app:1@" + kDigest},
  };
  for (const Case& item : cases) {
    const auto reference = Reference::parse(item.text);
    ASSERT_TRUE(reference) << reference.error().text();
    EXPECT_EQ(reference->str(), item.complete);
    EXPECT_EQ(reference->familiar(), item.familiar);
    EXPECT_EQ(Reference::parse(item.complete).value(), *reference);
    EXPECT_EQ(Reference::parse(item.familiar).value(), *reference);
  }
}

TEST(ReferenceTest, WrongPartIsNamed) {
  const std::string grammar = "must be lower-case letters and digits, joined by '/', '.', '_' or '-'";
  const std::pair<std::string, std::string> cases[] = {
      {"", "'' is not an image reference: it is empty"},
      {"Debian", "'Debian' is not an image reference: the repository 'Debian' must be lower-case"},
      {"app:", "'app:' is not an image reference: the tag is empty"},
      {"app:a b",
       "'app:a b' is not an image reference: the tag 'a b' may hold letters, digits, '_', '.' and '-', at most 128"},
      {"app:-x",
       "'app:-x' is not an image reference: the tag '-x' may hold letters, digits, '_', '.' and '-', at most 128"},
      {"a//b", "'a//b' is not an image reference: the repository 'a//b' " + grammar},
      {"/app", "'/app' is not an image reference: the repository '/app' " + grammar},
      {"a/b/", "'a/b/' is not an image reference: the repository 'a/b/' " + grammar},
      {"a___b", "'a___b' is not an image reference: the repository 'a___b' " + grammar},
      {"..", "'..' is not an image reference: the repository '..' " + grammar},
      {"localhost/", "'localhost/' is not an image reference: the repository is missing"},
      {"ho_st.example/a", "'ho_st.example/a' is not an image reference: 'ho_st.example' is not a registry host"},
      {"host:port/a", "'host:port/a' is not an image reference: 'host:port' is not a registry host"},
      {"host:123456/a", "'host:123456/a' is not an image reference: 'host:123456' is not a registry host"},
      {"app@md5:12", "'app@md5:12' is not an image reference: 'md5:12' is not a digest: it must begin with 'sha256:'"},
      {kDigest.substr(7),
       "'" + kDigest.substr(7) + "' is not an image reference: 64 hex digits are an image id, not a repository"},
      {"x/" + std::string(250, 'a'), ""},
  };
  for (const auto& [text, message] : cases) {
    const auto reference = Reference::parse(text);
    if (message.empty()) {
      EXPECT_FALSE(reference);
      continue;
    }
    ASSERT_FALSE(reference) << text;
    EXPECT_EQ(reference.error().text(), message);
    EXPECT_EQ(reference.error().fault(), Fault::user);
  }
}

TEST(ReferenceTest, LengthsAreBounded) {
  const std::string repository(255 - std::string("docker.io/").size() - 2, 'a');
  EXPECT_TRUE(Reference::parse("x/" + repository));
  EXPECT_FALSE(Reference::parse("x/" + repository + "a"));
  EXPECT_TRUE(Reference::parse("app:" + std::string(128, 't')));
  EXPECT_FALSE(Reference::parse("app:" + std::string(129, 't')));
}

}  // namespace
}  // namespace scangate
