#include "executor/local/local_artifacts.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

TEST(Dotenv, LinesAreNamesAndValues) {
  const auto read = parse_dotenv("A=1\n\n _b2 = two words \r\nC=x=y\nD=\nE='as it is'\n", "build.env");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(*read, (Variables{{"A", "1"}, {"_b2", "two words"}, {"C", "x=y"}, {"D", ""}, {"E", "'as it is'"}}));
}

TEST(Dotenv, OtherLinesAreRefused) {
  for (const char* line : {"# comment", "1A=x", "A B=x", "=x", "word"}) {
    const auto read = parse_dotenv(std::string("OK=1\n") + line + "\n", "build.env");
    ASSERT_FALSE(read) << line;
    EXPECT_EQ(
        read.error().text(),
        fmt::format("build.env:2: '{}' is not NAME=value (a dotenv report has neither comments nor quotes)", line));
    EXPECT_EQ(read.error().fault(), Fault::user);
  }
}

TEST(Dotenv, TooManyVariablesAreRefused) {
  std::string text;
  for (std::size_t i = 0; i < kMaxDotenvVariables; ++i)
    text += fmt::format("V{}=x\n", i);
  EXPECT_TRUE(parse_dotenv(text, "e"));
  const auto read = parse_dotenv(text + "ONE_MORE=x\n", "e");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text(), "e:151: more than 150 variables in a dotenv report");
}

}  // namespace
}  // namespace scangate
