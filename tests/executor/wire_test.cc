#include "executor/wire/wire.h"

#include <gtest/gtest.h>

namespace scangate::wire {
namespace {

TEST(Wire, ARequestSurvivesTheWay) {
  const Request request{.arguments = {"docker", "build", "-t", "a b", ""}, .environment = {"PATH=/bin", "EMPTY="}, .directory = "/builds/x"};
  const auto back = decode(encode(request));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->arguments, request.arguments);
  EXPECT_EQ(back->environment, request.environment);
  EXPECT_EQ(back->directory, request.directory);
}

TEST(Wire, EveryTruncationIsRefused) {
  const std::string whole = encode({.arguments = {"docker", "push", "x"}, .environment = {"A=b"}, .directory = "/"});
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(decode(std::string_view(whole).substr(0, size))) << size;
  EXPECT_FALSE(decode(whole + "x"));
}

TEST(Wire, CountsThatLieAreRefused) {
  EXPECT_FALSE(decode(encode_u32(kMaxStrings + 1)));
  EXPECT_FALSE(decode(encode_u32(1) + encode_u32(0xFFFFFFFF) + "docker"));
  EXPECT_FALSE(decode(encode({.arguments = {}, .environment = {}, .directory = "/"})));            // no command
  EXPECT_FALSE(decode(encode({.arguments = {std::string("a\0b", 3)}, .directory = "/"})));        // no C string
}

TEST(Wire, HeadersHaveTheMagicAndACap) {
  EXPECT_EQ(decode_header(encode_header(5)), 5U);
  EXPECT_EQ(decode_header(encode_header(kMaxPayloadBytes)), kMaxPayloadBytes);
  EXPECT_FALSE(decode_header(encode_header(kMaxPayloadBytes + 1)));
  EXPECT_FALSE(decode_header("SCGATE2\n" + encode_u32(5)));
  EXPECT_FALSE(decode_header("short"));
}

}  // namespace
}  // namespace scangate::wire
