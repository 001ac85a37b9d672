// The two places files come from: a folder and a commit.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "pipeline/ci/config_files.h"
#include "pipeline/ci/pipeline.h"

namespace scangate::ci {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

class FilesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::make(fs::temp_directory_path(), "ci-files-");
    ASSERT_TRUE(dir);
    dir_.emplace(std::move(*dir));
    write(root() / "secret", "outside");
    write(repo() / ".gitlab-ci.yml", "include: ci/*.yml\n");
    write(repo() / "ci/build.yml", "build: {script: make}\n");
    fs::create_symlink("build.yml", repo() / "ci/link.yml");
    fs::create_symlink("../../secret", repo() / "ci/out.txt");
  }
  fs::path root() const { return dir_->path(); }
  fs::path repo() const { return dir_->path() / "repo"; }
  // git as a program makes the repositories: what is read here must be what it writes.
  bool git(const std::string& arguments) const {
    const std::string command =
        "cd '" + repo().string() +
        "' && GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_AUTHOR_DATE='2024-01-02T03:04:05+0100' "
        "GIT_COMMITTER_DATE='2024-01-02T03:04:05+0100' git -c user.name=Ann -c user.email=ann@example.com -c "
        "init.defaultBranch=main " +
        arguments + " >/dev/null 2>&1";
    return std::system(command.c_str()) == 0;
  }
  std::optional<TempDir> dir_;
};

TEST_F(FilesTest, AFolderIsReadWithinItsRoot) {
  auto files = files_of_directory(repo());
  ASSERT_TRUE(files) << files.error().text();
  EXPECT_EQ(*(*files)->list(),
            (std::vector<std::string>{".gitlab-ci.yml", "ci/build.yml", "ci/link.yml", "ci/out.txt"}));
  EXPECT_EQ(**(*files)->read("ci/link.yml"), "build: {script: make}\n");
  EXPECT_EQ(*(*files)->read("ci/out.txt"), std::nullopt);
  EXPECT_EQ(*(*files)->read("ci"), std::nullopt);
  EXPECT_EQ(*(*files)->read("missing.yml"), std::nullopt);
  EXPECT_FALSE(files_of_directory(root() / "missing"));
}

TEST_F(FilesTest, AFifoIsNoFile) {
  ASSERT_EQ(::mkfifo((repo() / "fifo.yml").c_str(), 0600), 0);
  auto files = files_of_directory(repo());
  ASSERT_TRUE(files);
  EXPECT_EQ(*(*files)->read("fifo.yml"), std::nullopt);
}

TEST_F(FilesTest, ACommitIsReadAndTheWorkTreeHasNoSay) {
  if (!git("init")) GTEST_SKIP() << "git is not installed";
  ASSERT_TRUE(git("add -A") && git("commit -m 'First commit'"));
  write(repo() / "ci/build.yml", "changed: [");
  const GitLibrary library(GitOwnerCheck::on);
  auto files = files_of_commit(repo(), "HEAD");
  ASSERT_TRUE(files) << files.error().text();
  EXPECT_EQ(*(*files)->list(),
            (std::vector<std::string>{".gitlab-ci.yml", "ci/build.yml", "ci/link.yml", "ci/out.txt"}));
  EXPECT_EQ(**(*files)->read("ci/build.yml"), "build: {script: make}\n");
  EXPECT_EQ(**(*files)->read("ci/link.yml"), "build: {script: make}\n");
  EXPECT_EQ(*(*files)->read("ci/out.txt"), std::nullopt);
  EXPECT_EQ(*(*files)->read("ci"), std::nullopt);
  EXPECT_EQ(*(*files)->read("nothing.yml"), std::nullopt);
}

TEST_F(FilesTest, FactsOfACommit) {
  if (!git("init")) GTEST_SKIP() << "git is not installed";
  ASSERT_TRUE(git("add -A") && git("commit -m 'First commit'"));
  const GitLibrary library(GitOwnerCheck::on);
  const auto first = facts_of_commit(repo(), "HEAD");
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(first->sha.size(), 40U);
  EXPECT_EQ(first->branch, "main");
  EXPECT_EQ(first->default_branch, "main");
  EXPECT_EQ(first->message, "First commit\n");
  EXPECT_EQ(first->author, "Ann <ann@example.com>");
  EXPECT_EQ(first->timestamp, "2024-01-02T03:04:05+01:00");
  EXPECT_EQ(first->changed_paths, std::nullopt);
  write(repo() / "src/new.c", "int x;\n");
  ASSERT_TRUE(git("add -A") && git("commit -m Second") && git("tag v2") && git("tag -a v1 -m annotated") &&
              git("remote add origin https://oauth2:token@gitlab.example.com/g/p.git") && git("checkout -q --detach"));
  const auto second = facts_of_commit(repo(), "HEAD");
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(second->parent_sha, first->sha);
  EXPECT_EQ(second->changed_paths, (std::vector<std::string>{"src/new.c"}));
  EXPECT_EQ(second->branch, "");
  EXPECT_EQ(second->tag, "v1");
  for (const std::string& name :
       {std::string("main"), std::string("v1"), std::string("v2"), second->sha, second->sha.substr(0, 8)}) {
    const auto same = facts_of_commit(repo(), name);
    ASSERT_TRUE(same) << name << ": " << same.error().text();
    EXPECT_EQ(same->sha, second->sha) << name;
  }
  EXPECT_EQ(second->origin_url, "https://***@gitlab.example.com/g/p.git");
  EXPECT_EQ(context_of_commit(*second).project_path, "g/p");
}

TEST_F(FilesTest, AShallowCloneIsReadWithoutItsParents) {
  if (!git("init")) GTEST_SKIP() << "git is not installed";
  ASSERT_TRUE(git("add -A") && git("commit -m First"));
  write(repo() / "b", "b");
  ASSERT_TRUE(git("add -A") && git("commit -m Second"));
  ASSERT_TRUE(git("clone -q --depth 1 'file://" + repo().string() + "' ../shallow"));
  const GitLibrary library(GitOwnerCheck::on);
  auto files = files_of_commit(root() / "shallow", "HEAD");
  ASSERT_TRUE(files) << files.error().text();
  const auto facts = facts_of_commit(root() / "shallow", "HEAD");
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->changed_paths, std::nullopt);
  const auto pipeline = read_pipeline(**files, ".gitlab-ci.yml", context_of_commit(*facts));
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  EXPECT_EQ(pipeline->jobs.at(0).script.at(0).text, "make");
}

TEST_F(FilesTest, WrongRepositoriesAndRevisionsAreUserFaults) {
  const GitLibrary library(GitOwnerCheck::on);
  const auto none = files_of_commit(root(), "HEAD");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().fault(), Fault::user);
  if (!git("init")) GTEST_SKIP() << "git is not installed";
  ASSERT_TRUE(git("add -A") && git("commit -m First"));
  const auto wrong = files_of_commit(repo(), "no-such-branch");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().text(), "no commit 'no-such-branch' (give a branch, a tag, HEAD or a commit's ID)");
}

}  // namespace
}  // namespace scangate::ci
