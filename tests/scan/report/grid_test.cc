#include "scan/report/grid.h"

#include <gmock/gmock.h>

namespace scangate {
namespace {

using testing::ElementsAre;

TEST(WrapText, BreaksAtBlanksAndLongWords) {
  EXPECT_THAT(wrap_text("", 5), ElementsAre(""));
  EXPECT_THAT(wrap_text("one two", 7), ElementsAre("one two"));
  EXPECT_THAT(wrap_text("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap_text("abcdefghij", 4), ElementsAre("abcd", "efgh", "ij"));
  EXPECT_THAT(wrap_text("äöüßäöü", 3), ElementsAre("äöü", "ßäö", "ü"));
  EXPECT_EQ(text_width("äöü🙂"), 4U);
}

TEST(Grid, AlignsAndGivesWay) {
  Grid grid({"A", "LONG"});
  grid.add({{"1"}, {"word after word after word"}});
  grid.add({{"22"}, {"x"}});
  EXPECT_EQ(grid.render(80, Colour::never),
            "  A   LONG\n"
            "  1   word after word after word\n"
            "  22  x\n");
  EXPECT_EQ(grid.render(20, Colour::never),
            "  A   LONG\n"
            "  1   word after\n"
            "      word after\n"
            "      word\n"
            "  22  x\n");
}

}  // namespace
}  // namespace scangate
