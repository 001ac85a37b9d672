#include "pipeline/git_source/git_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

namespace scangate {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A repository with two commits on main, a tag on the first, an annotated one on the second, and a branch.
class GitSource : public ::testing::Test {
 protected:
  // Made once and copied: most of a test's time would go into it.
  static void SetUpTestSuite() {
    auto folder = TempDir::make(std::filesystem::temp_directory_path(), "git-source");
    ASSERT_TRUE(folder) << folder.error().text();
    shared_ = new TempDir(std::move(*folder));
    if (!find_program("git", "/usr/bin:/bin")) return;
    GitSource::make_repository(shared_->path() / "remote", first_, second_);
  }
  static void TearDownTestSuite() { delete std::exchange(shared_, nullptr); }
  void SetUp() override {
    if (!find_program("git", "/usr/bin:/bin")) GTEST_SKIP() << "the program git is not installed";
    auto folder = TempDir::make(std::filesystem::temp_directory_path(), "git-source");
    ASSERT_TRUE(folder) << folder.error().text();
    folder_.emplace(std::move(*folder));
    options_.file_remotes = FileRemotes::allowed;
    options_.environment = {"PATH=/usr/bin:/bin", "http_proxy=", "SECRET=x"};
    std::filesystem::copy(shared_->path(), folder_->path(),
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  }
  static void make_repository(const std::filesystem::path& folder, std::string& first, std::string& second);
  std::filesystem::path remote() const { return folder_->path() / "remote"; }
  GitUrl url(std::string_view rest = "") const {
    return **parse_git_url("file://" + remote().string() + std::string(rest));
  }
  void put(const std::string& path, std::string_view text, mode_t mode = 0600) { put_in(remote(), path, text, mode); }
  static void put_in(const std::filesystem::path& folder, const std::string& path, std::string_view text, mode_t mode) {
    ASSERT_TRUE(write_file_atomic(folder / path, as_bytes(text), mode));
  }
  std::string git(std::vector<std::string> arguments) { return git_in(remote(), std::move(arguments)); }
  static std::string git_in(const std::filesystem::path& folder, std::vector<std::string> arguments,
                            const std::string& date = "1700000001 +0000") {
    Command command;
    command.argv = {"git"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.directory = folder;
    command.environment = {"PATH=/usr/bin:/bin",        "HOME=/nonexistent",    "GIT_AUTHOR_NAME=a",
                           "GIT_AUTHOR_EMAIL=a@b",      "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b",
                           "GIT_COMMITTER_DATE=" + date};
    std::string text;
    auto exit = SystemProcessRunner().run(command, Cancel(), [&](Stream, std::string_view piece) { text += piece; });
    EXPECT_TRUE(exit && exit->shell_code() == 0) << text;
    return text;
  }
  void commit() { commit_in(remote(), "1700000001 +0000"); }
  static std::string commit_in(const std::filesystem::path& folder, const std::string& date) {
    git_in(folder, {"add", "-A"});
    git_in(folder, {"commit", "-q", "-m", "x"}, date);
    return git_in(folder, {"rev-parse", "HEAD"}).substr(0, 40);
  }
  Result<GitTree> fetch(const GitUrl& from) {
    into_ = folder_->path() / fmt::format("into{}", ++fetched_);
    std::filesystem::create_directory(into_);
    return fetch_git_source(from, into_, options_, runner_, cancel_);
  }
  std::string refusal(const GitUrl& from) {
    auto tree = fetch(from);
    return tree ? "fetched " + tree->commit : tree.error().text();
  }

  std::optional<TempDir> folder_;
  SystemProcessRunner runner_;
  Cancel cancel_;
  GitSourceOptions options_;
  static inline TempDir* shared_ = nullptr;
  static inline std::string first_, second_;
  std::filesystem::path into_;
  int fetched_ = 0;
};

void GitSource::make_repository(const std::filesystem::path& folder, std::string& first, std::string& second) {
  std::filesystem::create_directories(folder / "sub/deeper");
  git_in(folder, {"init", "-q", "-b", "main", "."});
  put_in(folder, "one.txt", "one\n", 0600);
  put_in(folder, "run.sh", "#!/bin/sh\n", 0700);
  std::filesystem::create_symlink("one.txt", folder / "link");
  first = commit_in(folder, "1600000000 +0000");
  git_in(folder, {"tag", "light"});
  put_in(folder, "sub/two.txt", "two\n", 0600);
  put_in(folder, "sub/deeper/three.txt", "three\n", 0600);
  second = commit_in(folder, "1700000000 +0000");
  git_in(folder, {"tag", "-a", "-m", "x", "v1"});
  git_in(folder, {"branch", "dev", "light"});
}

TEST_F(GitSource, TheHeadIsFetchedWhenNoRefIsNamed) {
  const auto tree = fetch(url());
  ASSERT_TRUE(tree) << tree.error().text();
  EXPECT_EQ(tree->commit, second_);
  EXPECT_EQ(tree->ref, "HEAD");
  EXPECT_EQ(tree->folder, into_);
  EXPECT_EQ(read_file(into_ / "sub/two.txt", 100).value_or(""), "two\n");
  EXPECT_FALSE(std::filesystem::exists(into_ / ".git"));
}

TEST_F(GitSource, RefsAreFoundAsGitCheckoutFindsThem) {
  struct Case {
    const char* ref;
    const std::string& commit;
    const char* full;
  };
  git({"branch", "v2", "light"});
  git({"tag", "v2", "main"});
  const Case cases[] = {{"main", second_, "refs/heads/main"},
                        {"dev", first_, "refs/heads/dev"},
                        {"light", first_, "refs/tags/light"},
                        {"v1", second_, "refs/tags/v1"},
                        {"refs/tags/v1", second_, "refs/tags/v1"},
                        {"heads/dev", first_, "refs/heads/dev"},
                        {"v2", first_, "refs/heads/v2"}};
  for (const Case& each : cases) {
    const auto tree = fetch(url("#" + std::string(each.ref)));
    ASSERT_TRUE(tree) << each.ref << ": " << tree.error().text();
    EXPECT_EQ(tree->commit, each.commit) << each.ref;
    EXPECT_EQ(tree->ref, each.full) << each.ref;
  }
}

TEST_F(GitSource, ACommitIsFetchedByItsId) {
  const auto tree = fetch(url("#" + first_));
  ASSERT_TRUE(tree) << tree.error().text();
  EXPECT_EQ(tree->commit, first_);
  EXPECT_EQ(tree->ref, "");
  EXPECT_FALSE(std::filesystem::exists(into_ / "sub"));
}

TEST_F(GitSource, TimesAndModesAreTheCommits) {
  const auto tree = fetch(url());
  ASSERT_TRUE(tree) << tree.error().text();
  for (const auto& [path, mode] : std::vector<std::pair<std::string, mode_t>>{
           {".", 0755}, {"one.txt", 0644}, {"run.sh", 0755}, {"sub", 0755}, {"link", 0777}}) {
    struct stat info{};
    ASSERT_EQ(::lstat((into_ / path).c_str(), &info), 0) << path;
    EXPECT_EQ(info.st_mtim.tv_sec, 1700000000) << path;
    EXPECT_TRUE(path == "." || (info.st_mode & 07777U) == mode) << path;
  }
}

TEST_F(GitSource, ASubfolderIsTheTree) {
  const auto tree = fetch(url("#main:sub/deeper"));
  ASSERT_TRUE(tree) << tree.error().text();
  EXPECT_EQ(tree->folder, into_ / "sub/deeper");
  EXPECT_EQ(refusal(url("#main:nope")), "there is no folder 'nope' in file://" + remote().string());
  EXPECT_EQ(refusal(url("#main:one.txt")), "there is no folder 'one.txt' in file://" + remote().string());
}

TEST_F(GitSource, ALinkAsSubfolderLeadsNowhereButInside) {
  std::filesystem::create_directory_symlink("/etc", remote() / "out");
  std::filesystem::create_directory_symlink("../../sub", remote() / "around");
  commit();
  EXPECT_EQ(refusal(url("#main:out")), "there is no folder 'out' in file://" + remote().string());
  const auto tree = fetch(url("#main:around"));
  ASSERT_TRUE(tree) << tree.error().text();
  EXPECT_EQ(tree->folder, into_ / "sub");
}

TEST_F(GitSource, TheGitFolderIsKeptWhenAskedFor) {
  options_.git_folder = GitFolder::kept;
  ASSERT_TRUE(fetch(url("#v1")));
  EXPECT_TRUE(std::filesystem::exists(into_ / ".git/HEAD"));
  EXPECT_TRUE(std::filesystem::exists(into_ / ".git/shallow"));
  EXPECT_FALSE(std::filesystem::exists(into_ / ".git/hooks"));
  ASSERT_TRUE(fetch(url("?keep-git-dir=false")));
  EXPECT_FALSE(std::filesystem::exists(into_ / ".git"));
}

TEST_F(GitSource, AChecksumIsTheBeginningOfTheCommit) {
  GitUrl wanted = url("#main");
  wanted.commit = second_.substr(0, 10);
  EXPECT_TRUE(fetch(wanted));
  wanted.commit = first_;
  EXPECT_EQ(refusal(wanted), fmt::format("the checksum of file://{} is wrong: 'main' is commit {}, not {}",
                                         remote().string(), second_, first_));
  wanted = url("#v1");
  wanted.commit = git({"rev-parse", "v1"}).substr(0, 40);  // of the tag's own object
  EXPECT_TRUE(fetch(wanted));
}

TEST_F(GitSource, WhatIsNotThereIsTheUsersFault) {
  EXPECT_EQ(refusal(url("#nope")), fmt::format("file://{} has no branch or tag 'nope' (a commit is named by all of "
                                               "its 40 digits)",
                                               remote().string()));
  EXPECT_THAT(refusal(url("#" + std::string(40, 'a'))), HasSubstr("has no commit " + std::string(40, 'a')));
}

TEST_F(GitSource, AServerThatFailsIsARemoteFault) {
  const auto tree = fetch(**parse_git_url("file:///nonexistent/x.git"));
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().fault(), Fault::remote);
  EXPECT_THAT(tree.error().text(), StartsWith("git cannot list file:///nonexistent/x.git: "));
}

TEST_F(GitSource, RepositoriesOfTheHostAreRefused) {
  options_.file_remotes = FileRemotes::refused;
  EXPECT_EQ(refusal(url()), fmt::format("'file://{}' is a repository on this host (git sources are fetched with "
                                        "https, http, ssh or git)",
                                        remote().string()));
}

TEST_F(GitSource, ASubmoduleOfTheHostIsRefusedLikewise) {
  put(".gitmodules", "[submodule \"m\"]\n\tpath = m\n\turl = ext::sh -c touch% /tmp/never\n");
  git({"add", ".gitmodules"});
  git({"update-index", "--add", "--cacheinfo", "160000," + first_ + ",m"});
  git({"commit", "-q", "-m", "x"});
  EXPECT_THAT(refusal(url()), HasSubstr("git cannot fetch the submodules of"));
  EXPECT_TRUE(fetch(url("?submodules=false")));
}

TEST_F(GitSource, SubmodulesComeAlong) {
  git({"-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--", remote().string(), "module"});
  commit();
  const auto tree = fetch(url());
  ASSERT_TRUE(tree) << tree.error().text();
  EXPECT_EQ(read_file(into_ / "module/one.txt", 100).value_or(""), "one\n");
  EXPECT_FALSE(std::filesystem::exists(into_ / "module/.git"));
}

TEST_F(GitSource, ATreeThatWouldFillTheDiskIsNotWritten) {
  for (const char* name : {"one", "two", "three"})
    put(name, std::string(100'000, 'x'));
  commit();
  options_.max_bytes = 250'000;
  const std::string head = git({"rev-parse", "HEAD"}).substr(0, 40);
  EXPECT_EQ(refusal(url()),
            fmt::format("file://{} is too large: commit {} has 300.0 kB in {} files (up to 250.0 kB in 2000000 "
                        "files are fetched)",
                        remote().string(), head, split(git({"ls-files"}), '\n').size() - 1));
  EXPECT_FALSE(std::filesystem::exists(into_ / "one"));
}

TEST_F(GitSource, NothingOfTheRepositoryIsRun) {
  const std::string trap = (folder_->path() / "ran").string();
  put(".gitattributes", "* filter=trap\n");
  put(".git/hooks/post-checkout", "#!/bin/sh\ntouch " + trap + "\n", 0755);
  commit();
  options_.environment.push_back("GIT_EXTERNAL_DIFF=touch " + trap);
  ASSERT_TRUE(fetch(url()));
  EXPECT_FALSE(std::filesystem::exists(trap));
}

TEST_F(GitSource, AMissingGitIsSaid) {
  options_.environment = {"PATH=/nonexistent"};
  EXPECT_EQ(refusal(url()),
            "a git repository needs the program 'git', which is not installed (install git on this host)");
}

TEST_F(GitSource, ACommitThatWasResolvedIsFetchedAlsoWhenTheBranchMovedOn) {
  const auto commit_then = resolve_git_source(url("#main"), options_, runner_, cancel_);
  ASSERT_TRUE(commit_then) << commit_then.error().text();
  put("later", "x");
  commit();
  into_ = folder_->path() / "then";
  std::filesystem::create_directory(into_);
  const auto tree = fetch_git_source(url("#main"), *commit_then, into_, options_, runner_, cancel_);
  ASSERT_TRUE(tree) << tree.error().text();
  EXPECT_EQ(tree->commit, second_);
  EXPECT_FALSE(std::filesystem::exists(into_ / "later"));
}

// Passwords go to git through its environment: never on a command line, never in a message.
class RecordingRunner final : public ProcessRunner {
 public:
  Result<Exit> run(const Command& command, const Cancel&, const OnOutput& on_output) override {
    commands.push_back(command);
    on_output(Stream::err, "fatal: could not read from https://me:hunter22@example.org/x.git\n");
    return Exit{128, 0};
  }
  std::vector<Command> commands;
};

TEST(GitSourceCredentials, GoThroughTheEnvironmentOfGitAlone) {
  RecordingRunner runner;
  GitSourceOptions options;
  options.environment = {"PATH=/usr/bin:/bin"};
  if (!find_program("git", "/usr/bin:/bin")) GTEST_SKIP() << "the program git is not installed";
  const auto commit =
      resolve_git_source(**parse_git_url("https://me:hunter22@example.org/x.git"), options, runner, Cancel());
  ASSERT_FALSE(commit);
  EXPECT_EQ(commit.error().text(),
            "git cannot list https://example.org/x.git: could not read from https://***@example.org/x.git");
  ASSERT_EQ(runner.commands.size(), 1U);
  for (const std::string& each : runner.commands[0].argv)
    EXPECT_EQ(each.find("hunter22"), std::string::npos);
  EXPECT_THAT(runner.commands[0].environment,
              ::testing::Contains("GIT_CONFIG_KEY_12=http.https://example.org/.extraHeader"));
  EXPECT_THAT(runner.commands[0].environment,
              ::testing::Contains("GIT_CONFIG_VALUE_12=Authorization: Basic bWU6aHVudGVyMjI="));
}

TEST(GitSourceCredentials, SshHasTheAgentItIsGivenAndNothingOfTheHosts) {
  RecordingRunner runner;
  GitSourceOptions options;
  options.environment = {"PATH=/usr/bin:/bin", "SSH_AUTH_SOCK=/run/hosts-own"};
  options.ssh_agent = "/run/it's/agent";
  if (!find_program("git", "/usr/bin:/bin")) GTEST_SKIP() << "the program git is not installed";
  ASSERT_FALSE(resolve_git_source(**parse_git_url("git@example.org:a/b"), options, runner, Cancel()));
  ASSERT_EQ(runner.commands.size(), 1U);
  EXPECT_THAT(runner.commands[0].environment,
              ::testing::Contains("GIT_SSH_COMMAND=ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o "
                                  "IdentityFile=/dev/null -o ControlMaster=no -o ForwardAgent=no -o "
                                  "PermitLocalCommand=no -o IdentityAgent='/run/it'\\''s/agent' -o "
                                  "UserKnownHostsFile=/dev/null"));
  for (const std::string& each : runner.commands[0].environment)
    EXPECT_EQ(each.find("hosts-own"), std::string::npos);
}

}  // namespace
}  // namespace scangate
