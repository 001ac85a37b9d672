#include "executor/host/config_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

struct ConfigFile : testing::Test {
  TempDir folder = *TempDir::make(fs::temp_directory_path(), "config-file-");
  fs::path path = folder.path() / "config.toml";
  static std::string text(const fs::path& file) { return read_file(file, 1000).value_or("<cannot be read>"); }
  static struct stat look(const fs::path& file) {
    struct stat out{};
    EXPECT_EQ(::stat(file.c_str(), &out), 0) << file;
    return out;
  }
};

TEST_F(ConfigFile, ModeAndOwnerStayAndTheFormerTextIsKept) {
  ASSERT_TRUE(write_file_atomic(path, as_bytes("old"), 0640));
  if (geteuid() == 0) {
    ASSERT_EQ(::chown(path.c_str(), 1234, 5678), 0);
  }
  const auto before = look(path);
  const auto backup = replace_config_file(path, "new");
  ASSERT_TRUE(backup) << backup.error().text();
  EXPECT_EQ(*backup, path.string() + ".scangate.bak");
  EXPECT_EQ(text(path), "new");
  EXPECT_EQ(text(*backup), "old");
  for (const auto& file : {path, *backup}) {
    EXPECT_EQ(look(file).st_mode & 07777U, 0640U);
    EXPECT_EQ(look(file).st_uid, before.st_uid);
    EXPECT_EQ(look(file).st_gid, before.st_gid);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
}

TEST_F(ConfigFile, ASymlinkStaysOne) {
  const fs::path target = folder.path() / "elsewhere.toml";
  ASSERT_TRUE(write_file_atomic(target, as_bytes("old"), 0600));
  fs::create_symlink("elsewhere.toml", path);
  ASSERT_TRUE(replace_config_file(path, "new"));
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_EQ(text(target), "new");
}

TEST_F(ConfigFile, AFreshOneIsForItsOwnerOnly) {
  const fs::path fresh = folder.path() / "gitlab-runner/config.toml";
  const auto backup = replace_config_file(fresh, "new");
  ASSERT_TRUE(backup);
  EXPECT_EQ(*backup, fs::path());
  EXPECT_EQ(look(fresh).st_mode & 07777U, 0600U);
  EXPECT_EQ(look(fresh.parent_path()).st_mode & 07777U, 0700U);
}

TEST_F(ConfigFile, AFolderIsRefused) {
  fs::create_directory(path);
  const auto out = replace_config_file(path, "new");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().text(), path.string() + " is no file");
}

}  // namespace
}  // namespace scangate
