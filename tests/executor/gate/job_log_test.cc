#include "executor/gate/job_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace scangate {
namespace {

TEST(JobLog, AFileOfTheJobsOwnIsNoLog) {
  const auto folder = TempDir::make("/tmp", "sg-log-");
  const UniqueFd root = std::move(*open_file("/", O_PATH | O_DIRECTORY));
  const UniqueFd file = std::move(*open_file(folder->path() / "build.txt", O_WRONLY | O_CREAT));
  EXPECT_FALSE(is_job_log(root.get(), file.get()));
}

TEST(JobLog, AFolderThatTheJobCallsProcIsNotBelieved) {
  const auto folder = TempDir::make("/tmp", "sg-log-");
  ASSERT_TRUE(make_directories(folder->path() / "proc/1/fd"));
  const UniqueFd root = std::move(*open_file(folder->path(), O_PATH | O_DIRECTORY));
  const UniqueFd file = std::move(*open_file(folder->path() / "proc/1/fd/2", O_WRONLY | O_CREAT));
  EXPECT_FALSE(is_job_log(root.get(), file.get()));
}

TEST(JobLog, WithoutProcThereIsNone) {
  const auto folder = TempDir::make("/tmp", "sg-log-");
  const UniqueFd root = std::move(*open_file(folder->path(), O_PATH | O_DIRECTORY));
  EXPECT_FALSE(is_job_log(root.get(), root.get()));
}

}  // namespace
}  // namespace scangate
