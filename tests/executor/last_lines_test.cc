#include "executor/console/last_lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace scangate {
namespace {

class Recorded final : public Progress {
 public:
  void line(Level, std::string_view text) override { said.emplace_back(text); }
  void bytes(std::string_view, std::uint64_t, std::uint64_t) override {}
  void output(std::string_view item, std::string_view text) override {
    said.push_back(std::string(item) + "|" + std::string(text));
  }
  std::vector<std::string> said;
};

std::vector<std::string> repeated(const LastLines& lines) {
  Recorded out;
  lines.repeat(out);
  return out.said;
}

TEST(LastLines, PassesOnAndRepeatsWhatProgramsSaid) {
  Recorded next;
  LastLines lines(next);
  lines.line(Level::info, "#1 RUN make");
  lines.output("#1", "one\ntw");
  lines.output("#2", "other\n");
  lines.output("#1", "o\nthree");
  EXPECT_EQ(next.said, (std::vector<std::string>{"#1 RUN make", "#1|one\ntw", "#2|other\n", "#1|o\nthree"}));
  EXPECT_EQ(repeated(lines), (std::vector<std::string>{"#1|one\n", "#1|two\n", "#2|other\n", "#1|three\n"}));
}

TEST(LastLines, KeepsTheLastOnly) {
  NoProgress next;
  LastLines lines(next);
  for (std::size_t i = 0; i <= kLastLines; ++i)
    lines.output("#1", std::to_string(i) + "\n");
  const auto said = repeated(lines);
  ASSERT_EQ(said.size(), kLastLines);
  EXPECT_EQ(said.front(), "#1|1\n");
}

TEST(LastLines, AProgramThatEndsNoLineIsKeptInPieces) {
  NoProgress next;
  LastLines lines(next);
  for (int i = 0; i < 1000; ++i)
    lines.output("#1", std::string(10'000, 'x'));
  std::size_t bytes = 0;
  for (const auto& text : repeated(lines))
    bytes += text.size();
  EXPECT_LT(bytes, 1'000'000U);
}

}  // namespace
}  // namespace scangate
