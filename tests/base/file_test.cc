#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace scangate {
namespace {
namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  TempDir dir_ = std::move(*TempDir::make(fs::temp_directory_path(), "scangate-file-"));
  fs::path path(const char* name) const { return dir_.path() / name; }
};

TEST_F(FileTest, AtomicWriteReplacesTheWholeFileAndLeavesNoTemporary) {
  ASSERT_TRUE(write_file_atomic(path("f"), as_bytes("one"), 0600, Sync::file_and_folder));
  ASSERT_TRUE(write_file_atomic(path("f"), as_bytes("two")));
  EXPECT_EQ(*read_file(path("f"), 10), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 1);
}

TEST_F(FileTest, ReadRefusesMoreThanTheCap) {
  ASSERT_TRUE(write_file_atomic(path("f"), as_bytes("12345")));
  EXPECT_EQ(*read_file(path("f"), 5), "12345");
  EXPECT_FALSE(read_file(path("f"), 4));
}

TEST_F(FileTest, RemoveTreeDoesNotFollowSymlinks) {
  ASSERT_TRUE(make_directories(path("keep")));
  ASSERT_TRUE(write_file_atomic(path("keep/f"), as_bytes("x")));
  ASSERT_TRUE(make_directories(path("gone/deep/er")));
  fs::create_symlink(path("keep"), path("gone/link"));
  fs::permissions(path("gone/deep"), fs::perms::none);
  ASSERT_TRUE(remove_tree(path("gone")));
  EXPECT_FALSE(fs::exists(path("gone")));
  EXPECT_TRUE(fs::exists(path("keep/f")));
}

TEST_F(FileTest, RemovingWhatIsMissingIsFine) {
  EXPECT_TRUE(remove_tree(path("nothing")));
}

TEST_F(FileTest, PathsInARootCannotLeaveIt) {
  ASSERT_TRUE(make_directories(path("root/etc")));
  ASSERT_TRUE(write_file_atomic(path("root/etc/f"), as_bytes("inside")));
  ASSERT_TRUE(write_file_atomic(path("secret"), as_bytes("outside")));
  fs::create_symlink("../../secret", path("root/out"));
  fs::create_symlink("/etc/f", path("root/in"));
  const auto root = open_file(path("root"), O_PATH | O_DIRECTORY);
  ASSERT_TRUE(root);
  EXPECT_FALSE(open_in_root(root->get(), "out", O_RDONLY));
  EXPECT_FALSE(open_in_root(root->get(), "../secret", O_RDONLY));
  const auto in = open_in_root(root->get(), "in", O_RDONLY);
  ASSERT_TRUE(in);
  EXPECT_EQ(*read_fd(in->get(), 100, "in"), "inside");
}

TEST_F(FileTest, TempDirIsGoneAtTheEndOfItsLife) {
  fs::path kept;
  {
    const auto temporary = TempDir::make(dir_.path(), "t-");
    ASSERT_TRUE(temporary);
    kept = temporary->path();
    EXPECT_TRUE(fs::exists(kept));
  }
  EXPECT_FALSE(fs::exists(kept));
}

}  // namespace
}  // namespace scangate
