#include "base/byte_size.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(ByteSize, IsReadAsDockerDoes) {
  const std::pair<const char*, std::uint64_t> cases[] = {{"0", 0},
                                                         {"512", 512},
                                                         {"1b", 1},
                                                         {"64m", 64U << 20U},
                                                         {"64M", 64U << 20U},
                                                         {"1k", 1024},
                                                         {"1.5g", 1610612736},
                                                         {"10MiB", 10U << 20U},
                                                         {"2gb", 2ULL << 30U},
                                                         {"1 kb", 1024},
                                                         {"1t", 1ULL << 40U}};
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(parse_byte_size(text), expected) << text;
}

TEST(ByteSize, RefusesWhatIsNone) {
  for (const char* text : {"", "m", "-1", "1x", "1mx", "1 000", "1e3", "nan", "inf", "9999999p", "1ib", "0x10", " 1"})
    EXPECT_EQ(parse_byte_size(text), std::nullopt) << text;
}

}  // namespace
}  // namespace scangate
