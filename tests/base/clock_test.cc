#include "base/clock.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Time, ReadsTheFormsFeedsUse) {
  const std::pair<const char*, const char*> rows[] = {
      {"2026-11-21", "2026-11-21T00:00:00Z"},
      {"2026-11-21T10:11:12Z", "2026-11-21T10:11:12Z"},
      {"2026-11-21T10:11:12.345678Z", "2026-11-21T10:11:12Z"},
      {"2026-11-21T10:11:12+02:00", "2026-11-21T08:11:12Z"},
      {"2026-11-21T10:11:12-0130", "2026-11-21T11:41:12Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
  };
  for (const auto& [in, out] : rows) {
    const auto at = parse_time(in);
    ASSERT_TRUE(at) << in;
    EXPECT_EQ(format_rfc3339(*at), out);
  }
}

TEST(Time, RefusesWhatIsNotATime) {
  for (const char* text : {"", "yesterday", "2026-13-01", "2026-02-30", "2026-1-1", "2026-11-21T",
                           "2026-11-21T25:00:00Z", "2026-11-21T10:11:12Zx"})
    EXPECT_FALSE(parse_time(text)) << text;
}

TEST(Time, GitLabsFormHasNoZone) {
  EXPECT_EQ(format_utc_bare(*parse_time("2026-11-21T10:11:12Z")), "2026-11-21T10:11:12");
}

}  // namespace
}  // namespace scangate
