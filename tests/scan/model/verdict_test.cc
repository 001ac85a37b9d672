#include "scan/model/verdict.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Outcome, NamesAreTheWordsOfReports) {
  EXPECT_EQ(outcome_name(Outcome::pass), "pass");
  EXPECT_EQ(outcome_name(Outcome::warn), "warn");
  EXPECT_EQ(outcome_name(Outcome::stop), "stop");
  EXPECT_EQ(outcome_name(Outcome::undecided), "undecided");
}

TEST(Outcome, OnlyPassAndWarnLetAnImageLeave) {
  EXPECT_TRUE(may_leave(Outcome::pass));
  EXPECT_TRUE(may_leave(Outcome::warn));
  EXPECT_FALSE(may_leave(Outcome::stop));
  EXPECT_FALSE(may_leave(Outcome::undecided));
  EXPECT_FALSE(may_leave(Verdict{}.outcome));
}

TEST(Action, NamesAreTheWordsOfPolicies) {
  EXPECT_EQ(action_name(Action::ignore), "ignore");
  EXPECT_EQ(action_name(Action::warn), "warn");
  EXPECT_EQ(action_name(Action::stop), "stop");
}

}  // namespace
}  // namespace scangate
