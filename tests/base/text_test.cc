#include "base/text.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Redact, HidesCredentialsInUrls) {
  EXPECT_EQ(redact("GET https://user:s3cret@host/v2/?x=1"), "GET https://***@host/v2/?x=1");
  EXPECT_EQ(redact("https://host/t?service=a&token=abc&scope=b"), "https://host/t?service=a&token=***&scope=b");
  EXPECT_EQ(redact("https://host/a@b"), "https://host/a@b");
  EXPECT_EQ(redact("plain text"), "plain text");
}

TEST(Nearest, FindsTypingErrorsOnly) {
  const std::vector<std::string> words = {"build", "test", "deploy"};
  EXPECT_EQ(nearest("biuld", words), "build");
  EXPECT_EQ(nearest("xyzzy", words), std::nullopt);
}

TEST(Printable, ReplacesWhatATerminalOrParserCouldTripOver) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\\x1b[31mb");
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(printable("\xFF"
                      "a"),
            "\xEF\xBF\xBD"
            "a");
  EXPECT_EQ(printable("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a lone surrogate
}

TEST(HumanBytes, UsesDecimalUnits) {
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1500), "1.5 kB");
  EXPECT_EQ(human_bytes(746'000'000), "746.0 MB");
}

}  // namespace
}  // namespace scangate
