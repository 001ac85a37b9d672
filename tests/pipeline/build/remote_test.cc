// ADD of URLs and git repositories.
#include "pipeline/build/remote_source.h"

#include "build_fixture.h"
#include "tests/support/http_server.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

class AddUrl : public BuildFixture {
 protected:
  void SetUp() override {
    prepare();
    transport_ = make_curl_transport({});
    server_ =
        std::make_unique<test::HttpServer>([this](const test::ServerRequest& request) { return answer(request); });
  }
  void TearDown() override {
    if (server_) {
      EXPECT_THAT(server_->complaints(), IsEmpty());
    }
  }
  test::ServerReply answer(const test::ServerRequest& request) {
    if (request.path == "/moved") return {302, {{"Location", server_->url("/dir/file.txt")}}, ""};
    if (request.path == "/gone") return {404, {}, "no such file"};
    if (request.path == "/broken") return {503, {}, "later"};
    if (request.path == "/short") return {200, {}, "only a part", false, 4};
    if (request.path == "/dated") return {200, {{"Last-Modified", kDate}}, body_};
    if (!etag_.empty() && request.header("if-none-match") == etag_) return {304, {{"ETag", etag_}}, ""};
    test::ServerReply reply{200, {}, body_};
    if (!etag_.empty()) reply.headers.emplace_back("ETag", etag_);
    return reply;
  }
  std::string url(const std::string& path) const { return server_->url(path); }
  std::size_t asked() const { return server_->requests().size(); }

  std::string body_ = "content";
  std::string etag_;
  std::unique_ptr<test::HttpServer> server_;
};

TEST_F(AddUrl, AFileIsForRootAlone) {
  const auto seen = layer(built("FROM scratch\nADD " + url("/dir/file.txt") + " /x/\n"), 0);
  ASSERT_TRUE(seen.contains("x/file.txt"));
  const Entry& entry = seen.at("x/file.txt").entry;
  EXPECT_EQ(seen.at("x/file.txt").text, "content");
  EXPECT_EQ(entry.mode, 0600U);
  EXPECT_EQ(entry.uid, 0U);
  EXPECT_EQ(entry.mtime_seconds, 0);
}

TEST_F(AddUrl, TheDestinationNamesTheFileUnlessItIsAFolder) {
  EXPECT_TRUE(layer(built("FROM scratch\nADD " + url("/a%20b?x=/y") + " /x/\n"), 0).contains("x/a b"));
  EXPECT_TRUE(layer(built("FROM scratch\nADD " + url("/a") + " /named\n"), 0).contains("named"));
  EXPECT_TRUE(layer(built("FROM scratch\nADD " + url("/") + " /named\n"), 0).contains("named"));
  EXPECT_EQ(refusal("FROM scratch\nADD " + url("/") + " /x/\n"),
            fmt::format("Dockerfile:2:{}: the URL does not name a file (end the destination with a name)",
                        6 + url("/").size()));
}

TEST_F(AddUrl, ItsTimeIsTheServers) {
  const auto seen = layer(built("FROM scratch\nADD " + url("/dated") + " /\n"), 0);
  EXPECT_EQ(seen.at("dated").entry.mtime_seconds, 784'111'777);
}

TEST_F(AddUrl, FlagsHoldForItAsForFiles) {
  const auto seen = layer(built("FROM scratch\nARG M=u+x,go=r\nADD --chmod=$M --chown=5:6 " + url("/run") + " /\n"), 0);
  EXPECT_EQ(seen.at("run").entry.mode, 0744U);
  EXPECT_EQ(seen.at("run").entry.uid, 5U);
  EXPECT_EQ(seen.at("run").entry.gid, 6U);
}

TEST_F(AddUrl, RedirectsAreFollowedAndTheNameStays) {
  const auto seen = layer(built("FROM scratch\nADD " + url("/moved") + " /x/\n"), 0);
  EXPECT_EQ(seen.at("x/moved").text, "content");
}

TEST_F(AddUrl, IsAMaterialOfTheBuild) {
  const BuiltImage image = built("FROM scratch\nADD " + url("/f") + " /\n");
  EXPECT_EQ(image.materials, (std::vector<BuildMaterial>{{url("/f"), "sha256", Digest::of("content").hex()}}));
}

TEST_F(AddUrl, ChecksumsAreVerified) {
  const std::string right = Digest::of("content").str();
  const std::string wrong = Digest::of("other").str();
  built("FROM scratch\nADD --checksum=" + right + " " + url("/f") + " /\n");
  EXPECT_EQ(refusal("FROM scratch\nADD --checksum=" + wrong + " " + url("/f") + " /\n"),
            fmt::format("Dockerfile:2:{}: the checksum of {} is wrong: it is {}, not {}", 17 + wrong.size(), url("/f"),
                        right, wrong));
  EXPECT_EQ(refusal("FROM scratch\nADD --checksum=sha256:12 " + url("/f") + " /\n"),
            "Dockerfile:2:26: the checksum 'sha256:12' is not a digest (write sha256: and 64 hexadecimal digits)");
  EXPECT_EQ(refusal("FROM scratch\nADD --checksum=" + right + " " + url("/f") + " " + url("/g") + " /\n"),
            "Dockerfile:2:5: --checksum is for one URL or one git repository");
  write("f", "content");
  EXPECT_EQ(refusal("FROM scratch\nADD --checksum=" + right + " f /\n"),
            "Dockerfile:2:5: --checksum is for one URL or one git repository");
}

TEST_F(AddUrl, AKnownChecksumNeedsNoServer) {
  const std::string dockerfile =
      "FROM scratch\nADD --checksum=" + Digest::of("content").str() + " " + url("/f") + " /\n";
  built(dockerfile);
  const auto before = asked();
  EXPECT_EQ(built(dockerfile).cached_steps, 1U);
  EXPECT_EQ(asked(), before);
}

TEST_F(AddUrl, WhatChangedOnTheServerIsAddedAnew) {
  const std::string dockerfile = "FROM scratch\nADD " + url("/f") + " /\n";
  built(dockerfile);
  EXPECT_EQ(built(dockerfile).cached_steps, 1U);
  body_ = "another";
  const auto again = built(dockerfile);
  EXPECT_EQ(again.cached_steps, 0U);
  EXPECT_EQ(layer(again, 0).at("f").text, "another");
}

TEST_F(AddUrl, AnUnchangedFileIsNotSentAgain) {
  etag_ = "\"one\"";
  const std::string dockerfile = "FROM scratch\nADD " + url("/f") + " /\n";
  built(dockerfile);
  EXPECT_EQ(built(dockerfile).cached_steps, 1U);
  EXPECT_EQ(server_->requests().back().header("if-none-match"), etag_);
  // What the server had is known, but the layer is not on this other base: the file is needed after all.
  write("g", "1");
  const auto other = built("FROM scratch\nCOPY g /\nADD " + url("/f") + " /\n");
  EXPECT_EQ(layer(other, 1).at("f").text, "content");
}

TEST_F(AddUrl, AnotherProjectsAnswersAreNotUsed) {
  etag_ = "\"one\"";
  request_.cache_namespace = "1";
  const std::string dockerfile = "FROM scratch\nADD " + url("/f") + " /\n";
  built(dockerfile);
  request_.cache_namespace = "2";
  built(dockerfile);
  EXPECT_EQ(server_->requests().back().header("if-none-match"), "");
}

TEST_F(AddUrl, ServersThatRefuseAreSaid) {
  auto refused = build("FROM scratch\nADD " + url("/gone") + " /\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), Fault::user);
  EXPECT_EQ(refused.error().text(),
            fmt::format("Dockerfile:2:5: {} cannot be added: the server answered 404", url("/gone")));
  auto broken = build("FROM scratch\nADD " + url("/broken") + " /\n");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().fault(), Fault::remote);
  EXPECT_EQ(asked(), 4U);
  auto cut = build("FROM scratch\nADD " + url("/short") + " /\n");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().fault(), Fault::remote);
  EXPECT_THAT(cut.error().text(), HasSubstr("Dockerfile:2:5: "));
}

TEST_F(AddUrl, ArchivesAreUnpackedWhenAskedFor) {
  write("in/f", "x");
  Command tar;
  tar.argv = {"tar", "-C", (context() / "in").string(), "-czf", (context() / "a.tar.gz").string(), "f"};
  tar.environment = {"PATH=/usr/bin:/bin"};
  ASSERT_EQ(runner_.run(tar, cancel_, [](Stream, std::string_view) {})->code, 0);
  body_ = *read_file(context() / "a.tar.gz", 100'000);
  EXPECT_TRUE(layer(built("FROM scratch\nADD " + url("/a.tgz") + " /x/\n"), 0).contains("x/a.tgz"));
  EXPECT_TRUE(layer(built("FROM scratch\nADD --unpack " + url("/a.tgz") + " /x/\n"), 0).contains("x/f"));
}

TEST_F(AddUrl, FilesAndUrlsGoTogether) {
  write("g", "1");
  const auto seen = layer(built("FROM scratch\nADD g " + url("/f") + " /x/\n"), 0);
  EXPECT_TRUE(seen.contains("x/f"));
  EXPECT_TRUE(seen.contains("x/g"));
}

TEST_F(AddUrl, CredentialsStayOutOfHistoryAndMessages) {
  const std::string secret = "http://me:hunter22@" + server_->host();
  const auto image = built("FROM scratch\nADD " + secret + "/f /\n");
  EXPECT_EQ(config(image).history.back().created_by, "ADD http://***@" + server_->host() + "/f /");
  EXPECT_THAT(server_->requests().back().header("authorization"), HasSubstr("Basic "));
  EXPECT_THAT(refusal("FROM scratch\nADD " + secret + "/gone /\n"), ::testing::Not(HasSubstr("hunter22")));
}

TEST_F(AddUrl, CopyDoesNotTakeIt) {
  EXPECT_EQ(refusal("FROM scratch\nCOPY https://example.org/x /\n"),
            "Dockerfile:2:6: COPY does not take 'https://example.org/x' (use ADD for URLs and git repositories)");
}

class AddGit : public BuildFixture {
 protected:
  void SetUp() override {
    prepare();
    if (!find_program("git", "/usr/bin:/bin")) GTEST_SKIP() << "the program git is not installed";
    git_.file_remotes = FileRemotes::allowed;
    git_.environment = {"PATH=/usr/bin:/bin"};
    std::filesystem::create_directories(remote());
    git({"init", "-q", "-b", "main", "."});
    add("a.txt", "1");
    add("docs/b.md", "2");
    git({"tag", "v1"});
  }
  std::filesystem::path remote() const { return folder_->path() / "remote.git"; }
  std::string url(const std::string& rest = "") const { return "file://" + remote().string() + rest; }
  std::string git(std::vector<std::string> arguments) {
    Command command;
    command.argv = {"git"};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    command.directory = remote();
    command.environment = {"PATH=/usr/bin:/bin",
                           "HOME=/nonexistent",
                           "GIT_AUTHOR_NAME=a",
                           "GIT_AUTHOR_EMAIL=a@b",
                           "GIT_COMMITTER_NAME=a",
                           "GIT_COMMITTER_EMAIL=a@b",
                           "GIT_COMMITTER_DATE=1700000000 +0000"};
    std::string text;
    auto exit = runner_.run(command, cancel_, [&](Stream, std::string_view piece) { text += piece; });
    EXPECT_TRUE(exit && exit->shell_code() == 0) << text;
    return text;
  }
  void add(const std::string& path, std::string_view text) {
    std::filesystem::create_directories((remote() / path).parent_path());
    ASSERT_TRUE(write_file_atomic(remote() / path, as_bytes(text)));
    git({"add", "-A"});
    git({"commit", "-q", "-m", "x"});
  }
  std::vector<std::string> added(const std::string& dockerfile) {
    std::vector<std::string> out;
    for (const auto& [path, seen] : layer(built(dockerfile), 0))
      out.push_back(path);
    return out;
  }
};

TEST_F(AddGit, TheFilesOfACommitGoToTheDestination) {
  const auto seen = layer(built("FROM scratch\nADD " + url() + " /src\n"), 0);
  EXPECT_EQ(seen.at("src/a.txt").text, "1");
  EXPECT_EQ(seen.at("src/a.txt").entry.mode, 0644U);
  EXPECT_EQ(seen.at("src/a.txt").entry.uid, 0U);
  EXPECT_EQ(seen.at("src/a.txt").entry.mtime_seconds, 1'700'000'000);
  EXPECT_EQ(seen.at("src").entry.mode, 0755U);
  EXPECT_FALSE(seen.contains("src/.git"));
}

TEST_F(AddGit, RefSubfolderAndExcludesChoose) {
  add("docs/c.md", "3");
  EXPECT_THAT(added("FROM scratch\nADD " + url("#v1:docs") + " /d/\n"), ElementsAre("d", "d/b.md"));
  EXPECT_THAT(added("FROM scratch\nADD " + url("?branch=main&subdir=docs") + " /d/\n"),
              ElementsAre("d", "d/b.md", "d/c.md"));
  EXPECT_THAT(added("FROM scratch\nADD --exclude=docs " + url() + " /d/\n"), ElementsAre("d", "d/a.txt"));
}

TEST_F(AddGit, TheGitFolderIsKeptWhenAskedFor) {
  EXPECT_TRUE(layer(built("FROM scratch\nADD --keep-git-dir " + url() + " /d/\n"), 0).contains("d/.git/HEAD"));
}

TEST_F(AddGit, ItIsCachedByItsCommit) {
  const std::string dockerfile = "FROM scratch\nADD " + url("#main") + " /d/\n";
  built(dockerfile);
  EXPECT_EQ(built(dockerfile).cached_steps, 1U);
  add("new", "4");
  EXPECT_EQ(built(dockerfile).cached_steps, 0U);
}

TEST_F(AddGit, ItsChecksumIsTheCommit) {
  const std::string commit = git({"rev-parse", "main"}).substr(0, 40);
  built("FROM scratch\nADD --checksum=" + commit.substr(0, 7) + " " + url("#main") + " /d/\n");
  EXPECT_EQ(refusal("FROM scratch\nADD --checksum=0000 " + url("#main") + " /d/\n"),
            fmt::format("Dockerfile:2:21: the checksum of {} is wrong: 'main' is commit {}, not 0000", url(), commit));
  EXPECT_EQ(refusal("FROM scratch\nADD --checksum=sha256:ab " + url("#main") + " /d/\n"),
            "Dockerfile:2:26: the checksum 'sha256:ab' is not a commit id (for a git repository it is the commit, or "
            "how it begins)");
}

TEST_F(AddGit, SshHasTheDefaultAgent) {
  // Stands in for ssh and tells what it was called with: there is no server to speak to.
  const auto programs = folder_->path() / "programs";
  std::filesystem::create_directories(programs);
  const auto told = folder_->path() / "told";
  ASSERT_TRUE(write_file_atomic(programs / "ssh",
                                as_bytes("#!/bin/sh\necho \"$*\" > '" + told.string() + "'\nexit 1\n"), 0755));
  git_.environment = {"PATH=" + programs.string() + ":/usr/bin:/bin"};
  request_.ssh_agents = {{"other", "/run/other"}, {"default", "/run/agent"}};
  refusal("FROM scratch\nADD git@git.example:app.git /d/\n");
  EXPECT_THAT(read_file(told, 1U << 16U).value_or(""), HasSubstr("-o IdentityAgent=/run/agent "));
  request_.ssh_agents.clear();
  refusal("FROM scratch\nADD git@git.example:app.git /d/\n");
  EXPECT_THAT(read_file(told, 1U << 16U).value_or(""), HasSubstr("-o IdentityAgent=none "));
}

TEST_F(AddGit, RepositoriesOfTheHostAreRefusedInBuilds) {
  git_.file_remotes = FileRemotes::refused;
  EXPECT_EQ(refusal("FROM scratch\nADD " + url() + " /d/\n"),
            fmt::format("Dockerfile:2:5: '{}' is a repository on this host (git sources are fetched with https, http, "
                        "ssh or git)",
                        url()));
}

TEST(HttpDate, IsReadInItsOneForm) {
  EXPECT_EQ(build::parse_http_date(kDate), 784'111'777);
  EXPECT_EQ(build::parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  for (const char* text :
       {"", "now", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 ovD 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 99999 08:49:37 GMT"})
    EXPECT_EQ(build::parse_http_date(text), std::nullopt) << text;
}

TEST(UrlFileName, IsTheLastPartOfThePath) {
  EXPECT_EQ(build::file_name_of_url("https://h/a/b.txt?c/d#e/f"), "b.txt");
  EXPECT_EQ(build::file_name_of_url("https://h/a%2Fb"), "b");
  EXPECT_EQ(build::file_name_of_url("https://h/a%zz"), "a%zz");
  for (const char* url :
       {"https://h", "https://h/", "https://h/a/", "https://h/..", "https://h/%2e%2E", "https://h/a%00"})
    EXPECT_EQ(build::file_name_of_url(url), "") << url;
}

}  // namespace
}  // namespace scangate
