#include "executor/forward/trigger_token.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(TriggerToken, IsRevealedInItsFieldAlone) {
  const std::string token = "glcbt-64_Zx9-QwertyUiop_1234";
  Broker broker;
  broker.add(token, {"gitlab.example"});
  const std::string p = broker.placeholder(token);
  const std::string multipart = "--X\r\nContent-Disposition: form-data; name=\"variables[A]\"\r\n\r\n" + p +
                                "\r\n--X\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n";
  const struct {
    const char* type;
    std::string body;
    std::string expected;
  } cases[] = {
      {"application/x-www-form-urlencoded", "ref=main&token=" + p + "&variables[A]=" + p,
       "ref=main&token=" + token + "&variables[A]=" + p},
      {"application/x-www-form-urlencoded", "xtoken=" + p, "xtoken=" + p},
      {"application/json", R"({"token": ")" + p + R"(", "ref": "main", "variables": {"A": ")" + p + "\"}}",
       R"({"token": ")" + token + R"(", "ref": "main", "variables": {"A": ")" + p + "\"}}"},
      {"application/json", R"({"variables": {"token": ")" + p + "\"}}", R"({"variables": {"token": ")" + p + "\"}}"},
      {"application/json", R"({"token": "x", "variables": {"token": ")" + p + "\"}}",
       R"({"token": "x", "variables": {"token": ")" + p + "\"}}"},
      {"multipart/form-data; boundary=X", multipart + p + "\r\n--X--\r\n", multipart + token + "\r\n--X--\r\n"},
      {"multipart/form-data; boundary=\"X\"", multipart + p + "\r\n--X--\r\n", multipart + token + "\r\n--X--\r\n"},
      {"multipart/form-data", multipart + p, multipart + p},
      {"text/plain", "token=" + p, "token=" + p},
  };
  for (const auto& c : cases)
    EXPECT_EQ(reveal_trigger_token(c.type, c.body, broker, "gitlab.example"), c.expected) << c.type;
  EXPECT_EQ(reveal_trigger_token("application/x-www-form-urlencoded", "token=" + p, broker, "other.example"),
            "token=" + p);
}

}  // namespace
}  // namespace scangate
