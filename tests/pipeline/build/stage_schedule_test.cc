#include "pipeline/build/stage_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <stdexcept>
#include <thread>

namespace scangate::build {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using Needs = std::vector<std::vector<std::size_t>>;

// `needs`: of each stage; the last one is the target, and all are needed.
dockerfile::ResolvedFile file_of(const Needs& needs) {
  dockerfile::ResolvedFile file;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    file.stages.push_back({.base = {}, .platform = {}, .needs = needs[i]});
    file.order.push_back(i);
  }
  file.target = needs.size() - 1;
  return file;
}

class Built {
 public:
  void add(std::size_t stage) {
    const std::lock_guard lock(mutex_);
    stages_.push_back(stage);
  }
  std::vector<std::size_t> stages() const {
    const std::lock_guard lock(mutex_);
    return stages_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::size_t> stages_;
};

TEST(StageSchedule, OneThreadKeepsTheOrder) {
  const auto file = file_of({{}, {}, {0}, {1, 2}});
  Built built;
  StageSchedule schedule(file, [&](std::size_t stage) -> Result<StageEnd> {
    built.add(stage);
    return StageEnd::done;
  });
  ASSERT_TRUE(schedule.run(1, Cancel()));
  EXPECT_THAT(built.stages(), ElementsAre(0, 1, 2, 3));
}

TEST(StageSchedule, IndependentStagesMeet) {
  const auto file = file_of({{}, {}, {0, 1}});
  std::latch both(2);
  StageSchedule schedule(file, [&](std::size_t stage) -> Result<StageEnd> {
    if (stage < 2) both.arrive_and_wait();  // never returns when they come one after the other
    return StageEnd::done;
  });
  EXPECT_TRUE(schedule.run(2, Cancel()));
}

TEST(StageSchedule, WhatAStageNeedsIsDoneBefore) {
  const auto file = file_of({{}, {0}, {0}, {1, 2}, {3}});
  Built built;
  StageSchedule schedule(file, [&](std::size_t stage) -> Result<StageEnd> {
    const auto before = built.stages();
    for (const std::size_t need : file.stages[stage].needs)
      EXPECT_THAT(before, ::testing::Contains(need));
    built.add(stage);
    return StageEnd::done;
  });
  ASSERT_TRUE(schedule.run(4, Cancel()));
  EXPECT_THAT(built.stages(), UnorderedElementsAre(0, 1, 2, 3, 4));
}

TEST(StageSchedule, AFailureStopsTheOthersAndIsTold) {
  const auto file = file_of({{}, {}, {0, 1}});
  std::latch begun(2);
  const StageSchedule* self = nullptr;
  StageSchedule schedule(file, [&](std::size_t stage) -> Result<StageEnd> {
    begun.arrive_and_wait();
    if (stage == 1) return fail(Fault::user, "the reason");
    while (!self->stop().cancelled())
      std::this_thread::yield();
    return fail(Fault::host, "killed");
  });
  self = &schedule;
  const auto done = schedule.run(2, Cancel());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text(), "the reason");
}

TEST(StageSchedule, TheFirstByTheFileIsToldOfThoseThatFailed) {
  const auto file = file_of({{}, {}, {0, 1}});
  std::latch begun(2);
  const StageSchedule* self = nullptr;
  StageSchedule schedule(file, [&](std::size_t stage) -> Result<StageEnd> {
    begun.arrive_and_wait();
    if (stage == 0) {
      while (!self->stop().cancelled())
        std::this_thread::yield();
    }
    return StageEnd::failed;  // its exit code was there before it could be stopped
  });
  self = &schedule;
  const auto done = schedule.run(2, Cancel());
  ASSERT_TRUE(done);
  EXPECT_EQ(*done, 0U);
}

TEST(StageSchedule, TheCallersWishReachesTheStages) {
  const auto file = file_of({{}});
  const Cancel cancel;
  const StageSchedule* self = nullptr;
  StageSchedule schedule(file, [&](std::size_t) -> Result<StageEnd> {
    cancel.cancel();
    while (!self->stop().cancelled())
      std::this_thread::yield();
    return fail(cancelled_error());
  });
  self = &schedule;
  const auto done = schedule.run(2, cancel);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text(), "stopped on request");
}

TEST(StageSchedule, AStageThatTurnsOutToBeNeededIsBuiltOnce) {
  // 2 is not needed by what the file says; nothing but 0 is in the order.
  auto file = file_of({{}, {2}, {}});
  file.order = {0};
  Built built;
  StageSchedule* self = nullptr;
  StageSchedule schedule(file, [&](std::size_t stage) -> Result<StageEnd> {
    if (stage == 0) {
      SCANGATE_CHECK(self->need(1, 0));
      SCANGATE_CHECK(self->need(2, 0));
    }
    built.add(stage);
    return StageEnd::done;
  });
  self = &schedule;
  ASSERT_TRUE(schedule.run(2, Cancel()));
  EXPECT_THAT(built.stages(), ElementsAre(2, 1, 0));
}

TEST(StageSchedule, StagesThatFindOutTheyNeedEachOtherAreRefused) {
  for (const std::size_t threads : {1U, 2U}) {
    const auto file = file_of({{}, {}});
    StageSchedule* self = nullptr;
    StageSchedule schedule(file, [&](std::size_t stage) -> Result<StageEnd> {
      SCANGATE_CHECK(self->need(1 - stage, stage));
      return StageEnd::done;
    });
    self = &schedule;
    const auto done = schedule.run(threads, Cancel());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().text(), "the stages 1 and 0 need each other");
  }
}

TEST(StageSchedule, WhatAStageThrowsReachesTheCaller) {
  const auto file = file_of({{}, {}});
  StageSchedule schedule(file, [](std::size_t) -> Result<StageEnd> { throw std::logic_error("a bug"); });
  EXPECT_THROW(static_cast<void>(schedule.run(2, Cancel())), std::logic_error);
}

}  // namespace
}  // namespace scangate::build
