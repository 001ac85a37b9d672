#include "pipeline/registry/challenge.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Challenge, ReadsBearer) {
  const auto all = parse_challenges(
      R"(Bearer realm="https://auth.example/token?a=b",service="registry.example", scope="repository:a/b:pull,push")");
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].scheme, "bearer");
  EXPECT_EQ(all[0].parameters.at("realm"), "https://auth.example/token?a=b");
  EXPECT_EQ(all[0].parameters.at("service"), "registry.example");
  EXPECT_EQ(all[0].parameters.at("scope"), "repository:a/b:pull,push");
}

TEST(Challenge, ReadsSeveral) {
  const auto all = parse_challenges(R"(Basic realm="a \"b\"", Negotiate, Bearer realm=x, Service = y)");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].parameters.at("realm"), "a \"b\"");
  EXPECT_EQ(all[1].scheme, "negotiate");
  EXPECT_EQ(all[2].parameters.at("realm"), "x");
  EXPECT_EQ(all[2].parameters.at("service"), "y");
}

TEST(Challenge, EndsWithinGarbage) {
  for (const char* text : {"", ",,,", "=", "\"", "Bearer realm=\"open", "\x01\x02", "a b c d e f g h i j k"})
    EXPECT_LE(parse_challenges(text).size(), 8U) << text;
}

}  // namespace
}  // namespace scangate
