#include <gtest/gtest.h>

#include "base/file.h"
#include "executor/host/host_facts.h"

namespace scangate {
namespace {

TEST(ShimKind, TellsStaticFromDynamicAndFromAnythingElse) {
  const auto folder = TempDir::make(std::filesystem::temp_directory_path(), "shim-kind-");
  ASSERT_TRUE(folder);
  EXPECT_EQ(shim_kind(folder->path() / "missing"), ShimKind::missing);
  EXPECT_EQ(shim_kind("/proc/self/exe"), ShimKind::dynamic);
  const auto script = folder->path() / "script";
  ASSERT_TRUE(write_file_atomic(script, as_bytes("#!/bin/sh\n"), 0755));
  EXPECT_EQ(shim_kind(script), ShimKind::not_a_program);
  // A header that promises more than the file holds.
  std::string cut = read_file("/proc/self/exe", 1U << 30U).value_or("").substr(0, 80);
  ASSERT_EQ(cut.size(), 80U);
  const auto half = folder->path() / "half";
  ASSERT_TRUE(write_file_atomic(half, as_bytes(cut), 0755));
  EXPECT_EQ(shim_kind(half), ShimKind::not_a_program);
  const std::filesystem::path shim = std::filesystem::path(SCANGATE_BINARY_DIR) / "bin/scangate-shim";
  if (!std::filesystem::exists(shim)) GTEST_SKIP() << "the shim is not built";
  EXPECT_EQ(shim_kind(shim), ShimKind::static_program);
}

}  // namespace
}  // namespace scangate
