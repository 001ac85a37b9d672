#include "executor/runner/job_lease.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

const TimePoint kStart{std::chrono::seconds(1'700'000'000)};

class JobLease : public ::testing::Test {
 protected:
  fs::path state(const std::string& name) const { return jobs_folder(root()) / name; }
  fs::path root() const { return folder_->path() / "store"; }

  // A job that has named an image.
  fs::path job(const std::string& name, hours timeout = hours(1)) {
    EXPECT_TRUE(open_job(root(), state(name), timeout, kStart));
    EXPECT_TRUE(make_directories(state(name) / "builds"));
    auto store = Store::open(root(), names_of_job(state(name)));
    EXPECT_TRUE(store);
    const auto image = (*store)->put_blob("{}");
    EXPECT_TRUE((*store)->tag(*Reference::parse("app:1"), *image));
    return state(name);
  }
  void sweep(TimePoint now) {
    NoProgress silent;
    sweep_ended_jobs(**Store::open(root()), now, silent);
  }
  std::vector<std::string> scopes() { return *(*Store::open(root()))->name_scopes(); }

  Result<TempDir> folder_ = TempDir::make("/tmp", "sg-lease-");
};

TEST_F(JobLease, AJobWhoseCleanupNeverRanIsRemovedOnceItsTimeIsOver) {
  const fs::path old = job("job-1-a");
  const fs::path young = job("job-2-b", hours(5));
  sweep(kStart + hours(1));
  EXPECT_TRUE(fs::exists(old));
  sweep(kStart + hours(3));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_EQ(scopes(), (std::vector<std::string>{"job-2-b"}));
  EXPECT_EQ(std::distance(fs::directory_iterator(jobs_folder(root())), {}), 1);
}

TEST_F(JobLease, AStageThatRunsKeepsItsJobWhateverTheClockSays) {
  const fs::path running = job("job-1-a");
  {
    const auto held = hold_job(running, hours(1), kStart);
    ASSERT_TRUE(held && *held);
    sweep(kStart + hours(1000));
    EXPECT_TRUE(fs::exists(running));
    EXPECT_EQ(scopes().size(), 1U);
  }
  sweep(kStart + hours(1000));
  EXPECT_FALSE(fs::exists(running));
}

TEST_F(JobLease, EachStageRenewsIt) {
  const fs::path folder = job("job-1-a");
  ASSERT_TRUE(hold_job(folder, hours(1), kStart + hours(10)));
  sweep(kStart + hours(11));
  EXPECT_TRUE(fs::exists(folder));
}

TEST_F(JobLease, NamesOfAJobWithoutAFolderAreForgottenAndNoOthers) {
  const fs::path gone = job("job-1-a");
  job("job-2-b");
  auto host = Store::open(root());
  ASSERT_TRUE((*host)->tag(*Reference::parse("base:1"), *(*host)->put_blob("{}")));
  ASSERT_TRUE((*Store::open(root(), "local"))->tag(*Reference::parse("app:1"), *(*host)->put_blob("{}")));
  ASSERT_TRUE(remove_tree(gone));
  sweep(kStart);
  EXPECT_EQ(scopes(), (std::vector<std::string>{"job-2-b", "local"}));
  EXPECT_EQ((*host)->images()->size(), 1U);
}

TEST_F(JobLease, WhatAnEarlierSweepCouldNotFinishIsTakenUp) {
  ASSERT_TRUE(open_job(root(), state("job-1-a"), hours(1), kStart));
  ASSERT_TRUE(make_directories(state("ended-job-0-z") / "builds/deep"));
  sweep(kStart);
  EXPECT_FALSE(fs::exists(state("ended-job-0-z")));
  EXPECT_TRUE(fs::exists(state("job-1-a")));
}

TEST_F(JobLease, FoldersWithoutALeaseAreNotTouched) {
  ASSERT_TRUE(make_directories(state("job-1-a") / "builds"));
  ASSERT_TRUE(make_directories(state("local-x")));
  sweep(kStart + hours(100'000));
  EXPECT_TRUE(fs::exists(state("job-1-a")));
  EXPECT_TRUE(fs::exists(state("local-x")));
  const auto held = hold_job(state("job-1-a"), hours(1), kStart);
  ASSERT_TRUE(held);
  EXPECT_FALSE(held->has_value());
}

TEST_F(JobLease, AMonthIsTheLongest) {
  const fs::path folder = job("job-1-a", hours(0));
  const fs::path longer = job("job-2-b", hours(100'000'000));
  sweep(kStart + hours(24 * 31));
  EXPECT_TRUE(fs::exists(folder));
  EXPECT_TRUE(fs::exists(longer));
  sweep(kStart + hours(24 * 32));
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_FALSE(fs::exists(longer));
}

}  // namespace
}  // namespace scangate
