#include "executor/session/grace.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(Grace, EndsAfterTheStop) {
  const Cancel stop;
  stop.cancel();
  const Grace grace(stop, std::chrono::milliseconds(0));
  while (!grace.cancel().cancelled())
    std::this_thread::yield();
}

TEST(Grace, LastsWhileNothingStopsTheJob) {
  const Cancel stop;
  const Grace grace(stop, std::chrono::milliseconds(0));
  EXPECT_FALSE(grace.cancel().cancelled());
}

TEST(Grace, GivesTimeAfterTheStop) {
  const Cancel stop;
  stop.cancel();
  const Grace grace(stop, std::chrono::hours(1));
  EXPECT_FALSE(grace.cancel().cancelled());
}

}  // namespace
}  // namespace scangate
