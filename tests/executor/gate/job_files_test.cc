#include "executor/gate/job_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/file.h"
#include "executor/engine/tar_context.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;

class JobFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TempDir::make(fs::temp_directory_path(), "job-files-");
    ASSERT_TRUE(made);
    folder_.emplace(std::move(*made));
    auto root = open_file(folder_->path(), O_PATH | O_DIRECTORY);
    ASSERT_TRUE(root);
    root_ = std::move(*root);
    fs::create_directories(folder_->path() / "work");
  }
  void put(const std::string& name, std::string_view text) {
    ASSERT_TRUE(write_file_atomic(folder_->path() / name, as_bytes(text)));
  }
  JobFiles files() const { return {root_.get(), "/work"}; }

  std::optional<TempDir> folder_;
  UniqueFd root_;
};

TEST_F(JobFilesTest, PathsAreTheJobs) {
  put("work/a", "text");
  put("top", "above");
  EXPECT_EQ(files().absolute("../x/./y"), "/x/y");
  EXPECT_EQ(files().read("a", 100).value(), "text");
  EXPECT_EQ(files().read("/top", 100).value(), "above");
  EXPECT_EQ(files().read("../../../../top", 100).value(), "above");
  EXPECT_EQ(files().read_if_there("none", 100).value(), std::nullopt);
  ASSERT_TRUE(files().write("new", "1"));
  ASSERT_TRUE(files().write("new", "2"));
  EXPECT_EQ(files().read("new", 100).value(), "2");
}

TEST_F(JobFilesTest, SymlinksStayInside) {
  put("top", "inside");
  fs::create_symlink("/../../top", folder_->path() / "work/link");
  fs::create_symlink("/etc/passwd", folder_->path() / "work/out");
  EXPECT_EQ(files().read("link", 100).value(), "inside");
  EXPECT_FALSE(files().read("out", 100000));
  EXPECT_FALSE(files().write("out/x", "y"));
}

TEST_F(JobFilesTest, APipeNeverMakesTheGateWait) {
  ASSERT_EQ(mkfifo((folder_->path() / "work/pipe").c_str(), 0600), 0);
  EXPECT_EQ(files().read("pipe", 100).error().text(), "'pipe' is no plain file");
  EXPECT_FALSE(files().write("pipe", "x"));
  EXPECT_EQ(files().read(".", 100).error().text(), "'.' is no plain file");
}

TEST(JobStreams, AreLeftWhenTheCommandIsCancelled) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  const Cancel cancel;
  // Nobody writes, and this side of the pipe is open: without the cancel it would never end.
  std::thread stops([&] { cancel.cancel(); });
  JobInput input(read_end.get(), "input", cancel);
  std::array<std::byte, 10> buffer{};
  EXPECT_EQ(input.read(buffer).error().text(), "stopped on request");
  JobOutput output(write_end.get(), "output", cancel);
  EXPECT_EQ(output.write(as_bytes("x")).error().text(), "stopped on request");
  stops.join();
}

// One entry of a ustar archive.
std::string entry(const std::string& name, char type, const std::string& content, const std::string& link = "") {
  std::string block(512, '\0');
  name.copy(block.data(), 100);
  const auto octal = [&](std::size_t at, std::size_t width, std::size_t value) {
    fmt::format("{:0{}o}", value, width - 1).copy(block.data() + at, width - 1);
  };
  octal(100, 8, 0644);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, content.size());
  octal(136, 12, 0);
  block[156] = type;
  link.copy(block.data() + 157, 100);
  std::string(
      "ustar\0"
      "00",
      8)
      .copy(block.data() + 257, 8);
  std::fill_n(block.begin() + 148, 8, ' ');
  unsigned sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  fmt::format("{:06o}", sum).copy(block.data() + 148, 6);
  block[154] = '\0';
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512);
  return block + padded;
}

class TarContext : public testing::Test {
 protected:
  Result<std::optional<std::string>> take(const std::string& bytes) {
    folder_.emplace(std::move(*TempDir::make(fs::temp_directory_path(), "tar-context-")));
    StringSource from(bytes);
    return take_tar_context(from, "the build context on standard input", folder_->path(), Cancel());
  }
  std::string text(const std::string& name) const { return read_file(folder_->path() / name, 1000).value_or("<none>"); }
  const std::string end_ = std::string(1024, '\0');
  std::optional<TempDir> folder_;
};

TEST_F(TarContext, FilesFoldersAndLinks) {
  const auto taken = take(entry("./Dockerfile", '0', "FROM scratch\n") + entry("sub/deep/file", '0', "x") +
                          entry("link", '2', "", "Dockerfile") + entry("hard", '1', "", "sub/deep/file") + end_);
  ASSERT_TRUE(taken) << taken.error().text();
  EXPECT_FALSE(*taken);
  EXPECT_EQ(text("Dockerfile"), "FROM scratch\n");
  EXPECT_EQ(text("link"), "FROM scratch\n");
  EXPECT_EQ(text("hard"), "x");
}

TEST_F(TarContext, ATextIsADockerfile) {
  EXPECT_EQ(take("FROM a\n").value(), "FROM a\n");
  EXPECT_EQ(take("").value(), "");
  EXPECT_EQ(take("\xff\xfe binary").error().text(),
            "the build context on standard input is neither a tar nor a Dockerfile");
}

TEST_F(TarContext, NothingIsWrittenOutside) {
  const std::pair<std::string, std::string> cases[] = {
      {entry("../evil", '0', "x"), "the build context on standard input: '../evil' leads outside"},
      {entry("hard", '1', "", "../../etc/passwd"), "the build context on standard input: 'hard' links outside"},
      {entry("null", '3', ""), "the build context on standard input: 'null' is a device or pipe, which no context has"},
  };
  for (const auto& [bytes, message] : cases)
    EXPECT_EQ(take(bytes + end_).error().text(), message);
  // Through a symlink of the archive the path resolves inside the context, where there is no such folder.
  const auto taken = take(entry("out", '2', "", "/tmp") + entry("out/evil-of-test", '0', "x") + end_);
  EXPECT_FALSE(taken);
  EXPECT_FALSE(fs::exists("/tmp/evil-of-test"));
}

}  // namespace
}  // namespace scangate
