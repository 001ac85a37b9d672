// Root file systems without mounts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "pipeline/image/snapshot.h"
#include "support.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;
using test::raw_tar;
using test::RawEntry;
using testing::ElementsAre;

class PlainRootTest : public test::StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (geteuid() != 0) GTEST_SKIP() << "owners of files are root's to give";
    snapshots_.emplace(Snapshots::plain(store_, "for a test"));
  }
  DiffId layer(const std::vector<RawEntry>& entries) { return put_layer(raw_tar(entries)).diff_id; }
  static std::vector<std::string> names(const fs::path& root) {
    std::vector<std::string> out;
    for (const auto& each : fs::recursive_directory_iterator(root))
      out.push_back(each.path().lexically_relative(root).string());
    std::ranges::sort(out);
    return out;
  }
  static struct stat look(const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
    return status;
  }
  std::optional<Snapshots> snapshots_;
  NoProgress silent_;
};

TEST_F(PlainRootTest, LayersShowAsOneTree) {
  const DiffId lower = layer({{.name = "d", .type = '5', .mode = 0750, .mtime = 1000, .uid = 7},
                              {.name = "d/gone"},
                              {.name = "d/kept", .content = "below", .mode = 04755, .mtime = 2000, .uid = 3, .gid = 4},
                              {.name = "hidden", .type = '5', .mode = 0755},
                              {.name = "hidden/x"}});
  const DiffId upper = layer({{.name = "d/.wh.gone"},
                              {.name = "hidden", .type = '5', .mode = 0755},
                              {.name = "hidden/.wh..wh..opq"},
                              {.name = "hidden/y"},
                              {.name = "link", .type = '2', .link = "d/kept"}});
  auto workspace = snapshots_->mount_read_only({lower, upper}, Cancel(), silent_);
  ASSERT_TRUE(workspace) << workspace.error().text();
  const fs::path& root = workspace->root();
  EXPECT_THAT(names(root), ElementsAre("d", "d/kept", "hidden", "hidden/y", "link"));
  EXPECT_EQ(look(root / "d").st_mode & 07777U, 0750U);
  EXPECT_EQ(look(root / "d").st_uid, 7U);
  const auto kept = look(root / "d/kept");
  EXPECT_EQ(kept.st_mode & 07777U, 04755U);
  EXPECT_EQ(kept.st_uid, 3U);
  EXPECT_EQ(kept.st_gid, 4U);
  EXPECT_EQ(kept.st_mtim.tv_sec, 2000);
  EXPECT_EQ(fs::read_symlink(root / "link"), "d/kept");
}

TEST_F(PlainRootTest, HardLinksAreKept) {
  const DiffId one = layer({{.name = "a", .content = "1"}, {.name = "b", .type = '1', .link = "a"}});
  auto workspace = snapshots_->mount_read_only({one}, Cancel(), silent_);
  ASSERT_TRUE(workspace) << workspace.error().text();
  EXPECT_EQ(look(workspace->root() / "a").st_ino, look(workspace->root() / "b").st_ino);
}

TEST_F(PlainRootTest, AChainIsCopiedOnce) {
  const DiffId one = layer({{.name = "a", .content = "1"}});
  auto first = snapshots_->mount_read_only({one}, Cancel(), silent_);
  auto second = snapshots_->mount_read_only({one}, Cancel(), silent_);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(look(first->root() / "a").st_ino, look(second->root() / "a").st_ino);
  EXPECT_TRUE(snapshots_->mount_read_only({}, Cancel(), silent_));
}

TEST_F(PlainRootTest, WhatWouldBeChangedIsRefused) {
  const auto workspace = snapshots_->mount({}, Cancel(), silent_);
  ASSERT_FALSE(workspace);
  EXPECT_EQ(workspace.error().text(), "RUN needs mounts: for a test");
  EXPECT_FALSE(snapshots_->mount_kept({}, folder() / "kept", Cancel(), silent_));
}

}  // namespace
}  // namespace scangate
