#include "scan/policy/pattern.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Glob, Matches) {
  struct Row {
    const char* glob;
    const char* text;
    bool matches;
  };
  for (const Row& row : {
           Row{"", "", true},
           Row{"", "a", false},
           Row{"*", "", true},
           Row{"a*", "abc", true},
           Row{"*c", "abc", true},
           Row{"a*c*e", "abcde", true},
           Row{"a*c*e", "abcd", false},
           Row{"a?c", "abc", true},
           Row{"a?c", "ac", false},
           Row{"lib*-dev", "libssl-dev", true},
           Row{"[a]", "a", false},
       }) {
    EXPECT_EQ(glob_matches(row.glob, row.text), row.matches) << row.glob << " on " << row.text;
  }
}

TEST(Glob, ManyStarsEndSoon) {
  std::string glob;
  for (int i = 0; i < 200; ++i)
    glob += "a*";
  EXPECT_FALSE(glob_matches(glob + "b", std::string(5'000, 'a')));
}

TEST(VersionBounds, ParseAndHold) {
  EXPECT_FALSE(parse_version_bounds(""));
  EXPECT_FALSE(parse_version_bounds(">= 1.0,"));
  EXPECT_FALSE(parse_version_bounds("1.0 2.0"));
  struct Row {
    const char* bounds;
    const char* version;
    bool inside;
  };
  for (const Row& row : {
           Row{"< 2.0", "2.0rc1", true},
           Row{"< 2.0", "2.0", false},
           Row{"<= 2.0", "2.0.0", true},
           Row{"= 2.0", "2.0", true},
           Row{"2.0", "2.0", true},
           Row{"!= 2.0", "2.0", false},
           Row{"> 1, < 3", "2", true},
           Row{"> 1, < 3", "3", false},
           Row{"< 3", "no version", true},
       }) {
    const auto bounds = parse_version_bounds(row.bounds);
    ASSERT_TRUE(bounds) << row.bounds;
    Package package;
    package.type = "pypi";
    package.name = "p";
    package.version = row.version;
    EXPECT_EQ(package_matches({"p", "", *bounds}, package), row.inside) << row.bounds << " with " << row.version;
  }
}

}  // namespace
}  // namespace scangate
