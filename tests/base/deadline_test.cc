#include "base/deadline.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

void wait_for(const Cancel& cancel) {
  while (!cancel.cancelled())
    std::this_thread::yield();
}

TEST(Deadline, IsPassedWhenItsTimeIsUp) {
  const Deadline deadline(Cancel(), std::chrono::milliseconds(1));
  wait_for(deadline.cancel());
  EXPECT_TRUE(deadline.passed());
}

TEST(Deadline, AWishToStopIsPassedOnAndIsNoTimeout) {
  const Cancel outer;
  const Deadline deadline(outer, std::chrono::milliseconds(0));
  EXPECT_FALSE(deadline.cancel().cancelled());
  outer.cancel();
  wait_for(deadline.cancel());
  EXPECT_FALSE(deadline.passed());
}

TEST(Deadline, EndsWithoutHavingPassed) {
  const Cancel outer;
  {
    const Deadline deadline(outer, std::chrono::hours(1));
  }
  EXPECT_FALSE(outer.cancelled());
}

}  // namespace
}  // namespace scangate
