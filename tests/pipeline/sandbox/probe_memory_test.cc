#include "pipeline/sandbox/probe_memory.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace scangate {
namespace {

TEST(ProbeMemory, RecallsWhatItWasToldForTheSameRuntimesAlone) {
  const auto folder = TempDir::make(std::filesystem::temp_directory_path(), "probe-");
  ASSERT_TRUE(folder) << folder.error().text();
  const ProbeMemory memory(folder->path(), "auto", {"/bin/sh"});
  EXPECT_FALSE(memory.recall());
  memory.remember({.runtime = "crun", .version = "1.8.1", .refused = ""});
  const auto known = ProbeMemory(folder->path(), "auto", {"/bin/sh"}).recall();
  ASSERT_TRUE(known);
  EXPECT_EQ(known->runtime, "crun");
  EXPECT_EQ(known->version, "1.8.1");
  EXPECT_FALSE(ProbeMemory(folder->path(), "runc", {"/bin/sh"}).recall());
  EXPECT_FALSE(ProbeMemory(folder->path(), "auto", {"/bin/cat"}).recall());
  EXPECT_FALSE(ProbeMemory(folder->path(), "auto", {"/bin/sh", "/nowhere/crun"}).recall());
}

TEST(ProbeMemory, ADamagedFileIsNothing) {
  const auto folder = TempDir::make(std::filesystem::temp_directory_path(), "probe-");
  ASSERT_TRUE(folder) << folder.error().text();
  const ProbeMemory memory(folder->path(), "auto", {"/bin/sh"});
  for (const char* text : {"", "x", "\n\n\n\n", "0000\ncrun\n1\n\n"}) {
    ASSERT_TRUE(write_file_atomic(folder->path() / "probe", as_bytes(text)));
    EXPECT_FALSE(memory.recall()) << text;
  }
}

}  // namespace
}  // namespace scangate
