#include "base/json/json.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Json, SyntaxErrorsNameThePlace) {
  const auto parsed = parse_json("{\"a\": }", "feed.json");
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().text().starts_with("feed.json: not valid JSON: parse error at line 1, column 7"))
      << parsed.error().text();
}

TEST(Json, NestingIsCapped) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(parse_json(nested(kMaxJsonDepth), "x"));
  EXPECT_FALSE(parse_json(nested(kMaxJsonDepth + 1), "x"));
  EXPECT_FALSE(parse_json(nested(1'000'000), "x"));
}

TEST(Json, DumpReplacesInvalidUtf8) {
  EXPECT_EQ(dump_json(nlohmann::json("a\xFF")), "\"a\xEF\xBF\xBD\"");
}

TEST(Json, LookUpsForgiveWrongTypes) {
  const auto value = *parse_json(R"({"s":1,"n":"x","a":{},"o":[]})", "x");
  EXPECT_EQ(json_string(value, "s", "?"), "?");
  EXPECT_EQ(json_int(value, "n"), std::nullopt);
  EXPECT_TRUE(json_array(value, "a").empty());
  EXPECT_TRUE(json_object(value, "o").empty());
  EXPECT_EQ(json_string(nlohmann::json(3), "s"), "");
}

}  // namespace
}  // namespace scangate
