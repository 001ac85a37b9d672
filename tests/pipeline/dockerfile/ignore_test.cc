#include "pipeline/dockerfile/ignore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scangate::dockerfile {
namespace {

struct Row {
  std::string rules;
  std::string path;
  bool ignored;
};
class Ignore : public ::testing::TestWithParam<Row> {};

TEST_P(Ignore, Decides) {
  auto rules = IgnoreRules::parse(GetParam().rules, ".dockerignore");
  ASSERT_TRUE(rules) << rules.error().text();
  EXPECT_EQ(rules->ignored(GetParam().path), GetParam().ignored) << GetParam().rules << " on " << GetParam().path;
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Ignore,
    ::testing::Values(
        Row{"a", "a", true}, Row{"a", "a/b/c", true}, Row{"a", "b/a", false}, Row{"/a", "a", true},
        Row{"a/", "a", true}, Row{"./a/../b", "b", true}, Row{"*.md", "x.md", true}, Row{"*.md", "d/x.md", false},
        Row{"**/*.md", "x.md", true}, Row{"**/*.md", "d/e/x.md", true}, Row{"*/x", "d/x", true},
        Row{"*/x", "d/e/x", false}, Row{"d/**", "d", false}, Row{"d/**", "d/x", true}, Row{"d/**", "d/e/x", true},
        Row{"d/**/x", "d/x", true}, Row{"d/**/x", "d/e/f/x", true}, Row{"d/**/x", "d/ex", false},
        Row{"**", "any/thing", true}, Row{"*", "any/thing", true}, Row{"*\n!a", "a", false}, Row{"*\n!a", "a/b", false},
        Row{"*\n!a", "b", true}, Row{"*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true},
        Row{"*.md\n!README*.md", "README-secret.md", false}, Row{"d\n!d/x", "d/x", false}, Row{"d\n!d/x", "d/y", true},
        Row{"! a", "a", false}, Row{"a\n! a", "a", false}, Row{"# a\n#b\n c ", "c", true}, Row{" # a", "# a", true},
        Row{".", "a", false}, Row{"a?c", "abc", true}, Row{"a?c", "a/c", false}, Row{"[a-c]x", "bx", true},
        Row{"[^a-c]x", "bx", false}, Row{"[^a-c]x", "dx", true}, Row{"a\\*", "a*", true}, Row{"a\\*", "ab", false},
        Row{"a.c", "abc", false}, Row{"A", "a", false},
        Row{"\xEF\xBB\xBF"
            "a\r\nb\r\n",
            "b", true},
        Row{"**/node_modules", "x/node_modules/y/z", true}, Row{"foo**bar", "foobar", true}, Row{"../x", "x", false},
        // A rule that had nothing to say of a folder does not hold below it.
        Row{"d/x/y\n!d/*", "d/x/y", true}, Row{"d\nd/x/y\n!d/*", "d/x/y", false}, Row{"!*\n**/c", "a/c/d", true},
        Row{"**/c\n!*", "a/c/d", true}, Row{"!b\nb/n\n!b", "b/n/a", true}, Row{"\xC3\xA4?", "\xC3\xA4\xC3\xB6", true}));

TEST(IgnoreRules, BadPatternNamesItsLine) {
  auto rules = IgnoreRules::parse("ok\n[a\n", "web/.dockerignore");
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().text(), "web/.dockerignore:2:1: bad pattern '[a': a class has no closing ']'");
  EXPECT_EQ(IgnoreRules::parse("!\n", "x").error().text(), "x:1:1: '!' alone is no pattern");
}

TEST(IgnoreRules, DirectoriesAreSkippedOnlyWhenNothingBelowCanComeBack) {
  auto rules = *IgnoreRules::parse("node_modules\nd\n!d/keep/**\n!*.md", ".dockerignore");
  EXPECT_TRUE(rules.can_skip_below("node_modules"));
  EXPECT_FALSE(rules.can_skip_below("d"));
  EXPECT_FALSE(rules.can_skip_below("d/keep"));
  EXPECT_TRUE(rules.can_skip_below("d/other"));
  auto anywhere = *IgnoreRules::parse("d\n!**/keep", ".dockerignore");
  EXPECT_FALSE(anywhere.can_skip_below("d"));
}

TEST(IgnoreRules, CapIsExact) {
  std::string text;
  for (std::size_t i = 0; i < kMaxIgnoreRules; ++i)
    text += "a\n";
  EXPECT_TRUE(IgnoreRules::parse(text, "x"));
  EXPECT_EQ(IgnoreRules::parse(text + "a\n", "x").error().text(), "x:10001:1: more than 10000 rules");
}

TEST(IgnoreRules, TheFileBesideTheDockerfileComesFirst) {
  EXPECT_THAT(ignore_file_candidates("docker/web.Dockerfile"),
              ::testing::ElementsAre("docker/web.Dockerfile.dockerignore", ".dockerignore"));
}

TEST(IgnoreRules, ManyStarsStayCheap) {
  std::string pattern;
  for (int i = 0; i < 200; ++i)
    pattern += "**/a*";
  auto rules = IgnoreRules::parse(pattern, "x");
  ASSERT_TRUE(rules);
  std::string path;
  for (int i = 0; i < 1000; ++i)
    path += "aa/";
  EXPECT_TRUE(rules->ignored(path));
  EXPECT_FALSE(rules->ignored(path.substr(0, 150)));
}

TEST(Glob, CopyPatternsDoNotCrossSlashes) {
  auto glob = *Glob::parse("src/**", GlobFlavor::file_match);
  EXPECT_TRUE(glob.matches("src/a"));
  EXPECT_FALSE(glob.matches("src/a/b"));
  EXPECT_EQ(Glob::parse("a\\[b", GlobFlavor::file_match)->literal(), "a[b");
}

}  // namespace
}  // namespace scangate::dockerfile
