#include "executor/local/file_trees.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

class FileTrees : public testing::Test {
 protected:
  TempDir folder_ = *TempDir::make(fs::temp_directory_path(), "trees-");
  fs::path from_ = folder_.path() / "from";
  fs::path to_ = folder_.path() / "to";

  void write(const fs::path& path, std::string_view text = "x") {
    ASSERT_TRUE(make_directories(path.parent_path()));
    ASSERT_TRUE(write_file_atomic(path, as_bytes(text)));
  }
  static std::vector<std::string> files(const fs::path& top) {
    std::vector<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(top))
      if (!entry.is_directory() || entry.is_symlink()) out.push_back(entry.path().lexically_relative(top));
    std::sort(out.begin(), out.end());
    return out;
  }
};

TEST_F(FileTrees, ACopyKeepsLinksAndModesAndLeavesOutWhatIsSkippedAndWhatIsNoFile) {
  write(from_ / "a/run.sh");
  fs::permissions(from_ / "a/run.sh", fs::perms(0755));
  write(from_ / "reports/old");
  fs::create_symlink("/etc/passwd", from_ / "link");
  fs::create_directory_symlink("a", from_ / "folder");
  ASSERT_EQ(mkfifo((from_ / "pipe").c_str(), 0600), 0);
  const auto done = copy_tree(from_, to_, from_ / "reports", {});
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(files(to_), (std::vector<std::string>{"a/run.sh", "folder", "link"}));
  EXPECT_EQ(fs::status(to_ / "a/run.sh").permissions(), fs::perms(0755));
  EXPECT_EQ(fs::read_symlink(to_ / "link"), "/etc/passwd");
}

TEST_F(FileTrees, ACopyEndsOnRequest) {
  write(from_ / "a");
  const Cancel cancel;
  cancel.cancel();
  const auto done = copy_tree(from_, to_, {}, cancel);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().text(), cancelled_error().text());
}

TEST_F(FileTrees, PatternsTakeFilesAndWholeFolders) {
  for (const char* file : {"out/a/b.txt", "out/c.log", "src/x.c", "src/deep/y.c", "plain", ".git/config", ".hidden/f"})
    write(from_ / file);
  const struct {
    std::vector<std::string> paths, exclude, taken, unmatched;
  } cases[] = {
      {{"out"}, {}, {"out/a/b.txt", "out/c.log"}, {}},
      {{"./out/"}, {"out/*.log"}, {"out/a/b.txt"}, {}},
      {{"out/"}, {"**/*.txt"}, {"out/c.log"}, {}},
      {{"src/*.c"}, {}, {"src/x.c"}, {}},
      {{"**/*.c"}, {}, {"src/deep/y.c", "src/x.c"}, {}},
      {{"out/**"}, {}, {"out/a/b.txt", "out/c.log"}, {}},
      {{"/builds/p/plain", "none", "*.zip"}, {}, {"plain"}, {"none", "*.zip"}},
      {{"../from/plain", "/etc/passwd"}, {}, {}, {"../from/plain", "/etc/passwd"}},
      {{"/builds/p"}, {"src"}, {".hidden/f", "out/a/b.txt", "out/c.log", "plain", "src/deep/y.c", "src/x.c"}, {}},
      {{".git"}, {}, {}, {".git"}},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.paths[0]);
    ASSERT_TRUE(remove_tree(to_));
    const auto done =
        take_files(from_, {.paths = one.paths, .exclude = one.exclude, .project_folder = "/builds/p"}, to_, {});
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(files(to_), one.taken);
    EXPECT_EQ(done->files, one.taken.size());
    EXPECT_EQ(done->unmatched, one.unmatched);
  }
}

TEST_F(FileTrees, FilesArePutOverThoseOfTheProject) {
  write(from_ / "a/file", "new");
  fs::permissions(from_ / "a/file", fs::perms(0755));
  write(from_ / "b/inner", "new");
  fs::create_symlink("a/file", from_ / "link");
  write(to_ / "a/file", "old");
  write(to_ / "a/other", "stays");
  write(to_ / "b", "a file where a folder is to be");
  const auto done = put_files(from_, to_, {});
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(files(to_), (std::vector<std::string>{"a/file", "a/other", "b/inner", "link"}));
  EXPECT_EQ(read_file(to_ / "a/file", 100).value(), "new");
  EXPECT_EQ(fs::status(to_ / "a/file").permissions(), fs::perms(0755));
  EXPECT_EQ(fs::read_symlink(to_ / "link"), "a/file");
}

TEST_F(FileTrees, ASymlinkOfTheProjectLeadsNoFileOut) {
  write(folder_.path() / "outside/there");
  write(from_ / "out/x");
  write(from_ / "file", "new");
  ASSERT_TRUE(make_directories(to_));
  fs::create_directory_symlink(folder_.path() / "outside", to_ / "out");
  fs::create_symlink(folder_.path() / "outside/there", to_ / "file");
  const auto done = put_files(from_, to_, {});
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(files(folder_.path() / "outside"), (std::vector<std::string>{"there"}));
  EXPECT_EQ(read_file(folder_.path() / "outside/there", 100).value(), "x");
  EXPECT_EQ(files(to_), (std::vector<std::string>{"file", "out/x"}));
}

}  // namespace
}  // namespace scangate
