#include "pipeline/ci/glob.h"

#include <gtest/gtest.h>

namespace scangate::ci {
namespace {

TEST(Glob, MatchesAsGitlabDoes) {
  struct Case {
    const char* pattern;
    const char* path;
    bool matches;
  };
  const Case cases[] = {
      {"*.yml", "a.yml", true},
      {"*.yml", "ci/a.yml", false},
      {"**/*.yml", "a.yml", true},
      {"**/*.yml", "ci/x/a.yml", true},
      {"ci/**/*.yml", "ci/a.yml", true},
      {"ci/**/*.yml", "ci/x/y/a.yml", true},
      {"ci/**/*.yml", "other/a.yml", false},
      {"src/**", "src/a/b.c", true},
      {"src/**", "src", false},
      {"*.{yml,yaml}", "x.yaml", true},
      {"*.{yml,yaml}", "x.json", false},
      {"a?.txt", "ab.txt", true},
      {"a?.txt", "a/.txt", false},
      {"[a-c]x", "bx", true},
      {"[!a-c]x", "bx", false},
      {"[!a-c]x", "dx", true},
      {"[]]x", "]x", true},
      {"\\*.txt", "*.txt", true},
      {"\\*.txt", "a.txt", false},
      {"a+b(c).txt", "a+b(c).txt", true},
      {"*", ".hidden", true},
      {"Dockerfile", "Dockerfile", true},
      {"Dockerfile", "Dockerfile.dev", false},
      {"d\xc3\xbc*", "d\xc3\xbcnn", true},
  };
  for (const Case& c : cases) {
    const auto glob = Glob::parse(c.pattern);
    ASSERT_TRUE(glob) << c.pattern << ": " << glob.error().text();
    EXPECT_EQ(glob->matches(c.path), c.matches) << c.pattern << " " << c.path;
  }
}

TEST(Glob, UnclosedPatternsAreRefused) {
  EXPECT_EQ(Glob::parse("a[b").error().text(), "'[' is not closed in the pattern 'a[b'");
  EXPECT_EQ(Glob::parse("a{b").error().text(), "'{' is not closed in the pattern 'a{b'");
  EXPECT_FALSE(Glob::parse(std::string(kMaxGlobBytes + 1, 'a')));
}

}  // namespace
}  // namespace scangate::ci
