#include "executor/console/log_section.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <regex>

#include "base/file.h"

namespace scangate {
namespace {

std::string written(ConsoleMode mode) {
  auto folder = TempDir::make("/tmp", "sg-console-");
  const auto path = folder->path() / "log";
  {
    const UniqueFd fd = std::move(*open_file(path, O_WRONLY | O_CREAT));
    Console console(fd.get(), mode);
    const LogSection section(console, "scangate_pull", "Pulling image \x1b[2J");
    console.output("", "half a line");
    console.line(Level::info, "inside");
  }
  return read_file(path, 10000).value();
}

TEST(LogSection, IsCollapsedAndEndsUnderTheSameName) {
  const std::string text = written(ConsoleMode::job);
  std::smatch found;
  ASSERT_TRUE(std::regex_match(
      text, found,
      std::regex("section_start:([0-9]{10}):(scangate_pull_[0-9a-f]{8})\\[collapsed=true\\]\r\x1b\\[0KPulling image "
                 "\\\\x1b\\[2J\n"
                 "inside\nhalf a line\nsection_end:([0-9]{10}):(scangate_pull_[0-9a-f]{8})\r\x1b\\[0K\n")))
      << text;
  EXPECT_EQ(found[2], found[4]);
  EXPECT_LE(found[1], found[3]);
}

TEST(LogSection, IsNothingOutsideOfAJobsLog) {
  EXPECT_EQ(written(ConsoleMode::plain), "inside\nhalf a line\n");
}

}  // namespace
}  // namespace scangate
