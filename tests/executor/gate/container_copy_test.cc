#include "executor/gate/container_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

#include "base/file.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;

// Two roots side by side in a folder with a file that neither may reach or change.
class ContainerCopyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::make(fs::temp_directory_path(), "container-copy-");
    ASSERT_TRUE(made);
    folder_.emplace(std::move(*made));
    for (const char* name : {"container/etc", "container/d/e", "job/data"})
      fs::create_directories(folder_->path() / name);
    for (const auto& [name, text] : {std::pair{"secret", "the host's"},
                                     {"container/etc/passwd", "the container's"},
                                     {"container/d/e/f", "deep"},
                                     {"job/data/given", "the job's"}})
      put(name, text);
    from_ = root("container");
    to_ = root("job");
  }
  void put(const std::string& name, std::string_view text) {
    ASSERT_TRUE(write_file_atomic(folder_->path() / name, as_bytes(text)));
  }
  void link(const std::string& target, const std::string& name) { fs::create_symlink(target, folder_->path() / name); }
  UniqueFd root(const std::string& name) {
    auto opened = open_file(folder_->path() / name, O_PATH | O_DIRECTORY);
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  std::string text(const std::string& name) { return read_file(folder_->path() / name, 4096).value_or("absent"); }
  std::string copy(const std::string& from, const std::string& to) {
    const auto done = copy_path(from_.get(), from, to_.get(), to, CopiedOwners::ours, Cancel());
    return done ? "" : done.error().text();
  }
  // What lies beside the two roots, and what it says.
  std::string outside() {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_->path()))
      names.insert(entry.path().filename().string());
    std::string out;
    for (const auto& name : names)
      out += name + " ";
    return out + text("secret");
  }

  std::optional<TempDir> folder_;
  UniqueFd from_, to_;
};

constexpr const char* kUntouched = "container job secret the host's";

TEST_F(ContainerCopyTest, FilesAndFoldersGoWhereDockerPutsThem) {
  EXPECT_EQ(copy("/etc/passwd", "/data"), "");
  EXPECT_EQ(text("job/data/passwd"), "the container's");
  EXPECT_EQ(copy("/etc/passwd", "/data/renamed"), "");
  EXPECT_EQ(text("job/data/renamed"), "the container's");
  EXPECT_EQ(copy("/d", "/data"), "");
  EXPECT_EQ(text("job/data/d/e/f"), "deep");
  EXPECT_EQ(copy("/d", "/data/other"), "");
  EXPECT_EQ(text("job/data/other/e/f"), "deep");
  EXPECT_EQ(copy("/d/.", "/data"), "");
  EXPECT_EQ(text("job/data/e/f"), "deep");
  EXPECT_EQ(copy("/nothing", "/data"), "Could not find the file /nothing");
  EXPECT_EQ(copy("/etc/passwd", "/nothing/"), "Could not find the file /nothing/");
  EXPECT_EQ(copy("/etc/passwd", "/nothing/deeper"), "Could not find the file /nothing/deeper");
}

TEST_F(ContainerCopyTest, NoPathToReadLeavesTheContainer) {
  link("../..", "container/up");
  link((folder_->path() / "secret").string(), "container/straight");
  link("../secret", "container/beside");
  for (const char* from : {"..", "../", "../.", "/..", "/../secret", "../secret", "d/../../secret",
                           "nothing/../../secret", "nothing/../..", "up/secret", "/up/up/up/secret", "up/../secret"}) {
    copy(from, "/data");
    EXPECT_EQ(outside(), kUntouched) << from;
    EXPECT_EQ(text("job/data/secret"), "absent") << from;
    EXPECT_FALSE(fs::exists(folder_->path() / "job/secret")) << from;
  }
  // A link is copied as one, and is the job's to follow or not.
  for (const char* from : {"straight", "beside"}) {
    EXPECT_EQ(copy(from, "/data"), "");
    EXPECT_TRUE(fs::is_symlink(folder_->path() / "job/data" / from));
  }
}

TEST_F(ContainerCopyTest, NoPathToWriteLeavesTheJob) {
  link("../..", "job/up");
  link("../secret", "job/data/passwd");
  link(folder_->path().string(), "job/data/d");
  for (const char* to : {"..", "../secret", "/../secret", "../new", "data/../../secret", "nothing/../../secret",
                         "nothing/../..", "up/secret", "up", "up/up/..", "data", "data/passwd"})
    for (const char* from : {"/etc/passwd", "/d"}) {
      copy(from, to);
      EXPECT_EQ(outside(), kUntouched) << from << " to " << to;
    }
}

TEST_F(ContainerCopyTest, FilesAreReplacedAndNotWrittenThrough) {
  put("job/data/one", "one file");
  fs::create_hard_link(folder_->path() / "job/data/one", folder_->path() / "job/data/passwd");
  EXPECT_EQ(copy("/etc/passwd", "/data/passwd"), "");
  EXPECT_EQ(text("job/data/passwd"), "the container's");
  EXPECT_EQ(text("job/data/one"), "one file");
}

TEST_F(ContainerCopyTest, PipesAndDevicesAreLeftOut) {
  ASSERT_EQ(mkfifo((folder_->path() / "container/d/pipe").c_str(), 0600), 0);
  EXPECT_EQ(copy("/d", "/data"), "");
  EXPECT_EQ(text("job/data/d/e/f"), "deep");
  EXPECT_FALSE(fs::exists(folder_->path() / "job/data/d/pipe"));
}

TEST_F(ContainerCopyTest, AFolderCopiedIntoItselfEnds) {
  to_ = root("container");
  EXPECT_NE(copy("/d", "/d/e"), "");
}

TEST_F(ContainerCopyTest, CancelledWorkEnds) {
  Cancel cancel;
  cancel.cancel();
  const auto done = copy_path(from_.get(), "/d", to_.get(), "/data", CopiedOwners::ours, cancel);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text(), cancelled_error().text());
}

}  // namespace
}  // namespace scangate
