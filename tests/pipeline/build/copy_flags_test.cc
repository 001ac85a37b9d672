// The flags of COPY and ADD that choose files and how their layer is made.
#include "build_fixture.h"
#include "pipeline/build/file_digests.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CopyFlags : public BuildFixture {
 protected:
  // Paths of the last layer.
  std::vector<std::string> copied(std::string_view dockerfile) {
    const auto image = built(dockerfile);
    const auto layers = config(image).diff_ids.size();
    std::vector<std::string> out;
    if (layers == 0) return out;
    for (const auto& [path, seen] : layer(image, layers - 1))
      out.push_back(path);
    return out;
  }
  // The tree that the reference's own examples and BuildKit's tests use.
  void write_tree() {
    for (const char* path : {"a/b/c/d/foo", "a/b/c/d/e/bay", "a/b2/c/d/e/bar", "a/b/c2/d/e/baz", "a/b/c2/d/e2/baz"})
      write(path, path);
  }
};

TEST_F(CopyFlags, ExcludedFilesStayOut) {
  write("src/a.txt", "1");
  write("src/b.md", "2");
  write("src/sub/c.txt", "3");
  write("src/sub/d.md", "4");
  EXPECT_THAT(copied("FROM scratch\nCOPY --exclude=*.md src /x/\n"),
              ElementsAre("x", "x/a.txt", "x/sub", "x/sub/c.txt", "x/sub/d.md"));
  EXPECT_THAT(copied("FROM scratch\nCOPY --exclude=**/*.md src /x/\n"),
              ElementsAre("x", "x/a.txt", "x/sub", "x/sub/c.txt"));
  EXPECT_THAT(copied("FROM scratch\nCOPY --exclude=sub --exclude=a.* src /x/\n"), ElementsAre("x", "x/b.md"));
  EXPECT_THAT(copied("FROM scratch\nCOPY --exclude=* src /x/\n"), ElementsAre("x"));
  EXPECT_THAT(copied("FROM scratch\nCOPY --exclude=** --exclude=!sub/c.txt src /x/\n"),
              ElementsAre("x", "x/sub", "x/sub/c.txt"));
  EXPECT_THAT(copied("FROM scratch\nARG WHAT=md\nCOPY --exclude=*.$WHAT --exclude=sub src /x/\n"),
              ElementsAre("x", "x/a.txt"));
}

TEST_F(CopyFlags, ExcludesHoldForFilesThatAPatternFinds) {
  write("home.txt", "1");
  write("home.md", "2");
  write("home.c", "3");
  EXPECT_THAT(copied("FROM scratch\nCOPY --exclude=*.txt --exclude=*.md hom* /x/\n"), ElementsAre("x", "x/home.c"));
  EXPECT_THAT(copied("FROM scratch\nADD --exclude=*.txt hom* /x/\n"), ElementsAre("x", "x/home.c", "x/home.md"));
}

TEST_F(CopyFlags, ExcludesHoldForOtherStages) {
  write("src/a", "1");
  write("src/b", "2");
  EXPECT_THAT(copied("FROM scratch AS one\nCOPY src /s/\nFROM scratch\nCOPY --from=one --exclude=b /s /x/\n"),
              ElementsAre("x", "x/a"));
  EXPECT_THAT(copied("FROM scratch AS one\nCOPY src /s/\nFROM scratch\nCOPY --from=one --exclude=a /s /x/\n"),
              ElementsAre("x", "x/b"));
}

TEST_F(CopyFlags, ParentsAreKept) {
  write_tree();
  EXPECT_THAT(copied("FROM scratch\nCOPY --parents ./a/b/c/d/foo a/b2/c/d/e/bar /out\n"),
              ElementsAre("out", "out/a", "out/a/b", "out/a/b/c", "out/a/b/c/d", "out/a/b/c/d/foo", "out/a/b2",
                          "out/a/b2/c", "out/a/b2/c/d", "out/a/b2/c/d/e", "out/a/b2/c/d/e/bar"));
  EXPECT_THAT(copied("FROM scratch\nCOPY --parents a/b/c/d/. /\n"),
              ElementsAre("a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e", "a/b/c/d/e/bay", "a/b/c/d/foo"));
}

TEST_F(CopyFlags, ParentsBeginAtThePivot) {
  write_tree();
  EXPECT_THAT(copied("FROM scratch\nCOPY --parents a/b/./c/d /o/\n"),
              ElementsAre("o", "o/c", "o/c/d", "o/c/d/e", "o/c/d/e/bay", "o/c/d/foo"));
  EXPECT_THAT(copied("FROM scratch\nCOPY --parents a/./b/./c /o/\n"),
              ElementsAre("o", "o/b", "o/b/c", "o/b/c/d", "o/b/c/d/e", "o/b/c/d/e/bay", "o/b/c/d/foo"));
  EXPECT_THAT(copied("FROM scratch\nCOPY --parents a/./*/c/d/foo /o/\n"),
              ElementsAre("o", "o/b", "o/b/c", "o/b/c/d", "o/b/c/d/foo"));
  // Both b and b2 are pivots here.
  EXPECT_THAT(copied("FROM scratch\nCOPY --parents a/b*/./c/**/e /o/\n"),
              ElementsAre("o", "o/c", "o/c/d", "o/c/d/e", "o/c/d/e/bar", "o/c/d/e/bay"));
  EXPECT_THAT(
      copied("FROM scratch\nCOPY --parents a/b/c*/./d/**/baz a/b*/./c/**/bar /o/\n"),
      ElementsAre("o", "o/c", "o/c/d", "o/c/d/e", "o/c/d/e/bar", "o/d", "o/d/e", "o/d/e/baz", "o/d/e2", "o/d/e2/baz"));
}

TEST_F(CopyFlags, ParentsOfOtherStagesAreKept) {
  write_tree();
  EXPECT_THAT(copied("FROM scratch AS base\nCOPY a /test/a\nFROM scratch\n"
                     "COPY --from=base --parents /test/a/b/./c/d /out/\n"),
              ElementsAre("out", "out/c", "out/c/d", "out/c/d/e", "out/c/d/e/bay", "out/c/d/foo"));
}

TEST_F(CopyFlags, TwoAsterisksReachAllDepths) {
  write("src/a.txt", "1");
  write("src/x/b.txt", "2");
  write("src/x/y/c.txt", "3");
  write("src/x/y/c.md", "4");
  EXPECT_THAT(copied("FROM scratch\nCOPY --parents ./src/**/*.txt /p/\n"),
              ElementsAre("p", "p/src", "p/src/a.txt", "p/src/x", "p/src/x/b.txt", "p/src/x/y", "p/src/x/y/c.txt"));
  EXPECT_THAT(copied("FROM scratch\nCOPY --parents --exclude=src/x/y src/**/*.txt /p/\n"),
              ElementsAre("p", "p/src", "p/src/a.txt", "p/src/x", "p/src/x/b.txt"));
}

TEST_F(CopyFlags, ParentsKeepTheirModes) {
  write("foo1/foo2/bar", "1");
  std::filesystem::permissions(context() / "foo1", std::filesystem::perms(0700));
  std::filesystem::permissions(context() / "foo1/foo2", std::filesystem::perms(0711));
  const auto seen = layer(built("FROM scratch\nCOPY --parents foo1/foo2/bar /x/\n"), 0);
  EXPECT_EQ(seen.at("x").entry.mode, 0755U);
  EXPECT_EQ(seen.at("x/foo1").entry.mode, 0700U);
  EXPECT_EQ(seen.at("x/foo1/foo2").entry.mode, 0711U);
}

TEST_F(CopyFlags, ParentsOfNothingIsAFolderAndAWarning) {
  write_tree();
  const auto image = built("FROM scratch\nCOPY --parents a/none*/c /out/\n");
  EXPECT_THAT(layer(image, 0), SizeIs(1));
  ASSERT_THAT(image.warnings, SizeIs(1));
  EXPECT_EQ(image.warnings[0].text, "'a/none*/c' matches nothing");
}

TEST_F(CopyFlags, SymbolicModesDependOnWhatTheFileIs) {
  write("src/run", "1", 0700);
  write("src/data", "2", 0600);
  std::filesystem::permissions(context() / "src", std::filesystem::perms(0700));
  const auto seen = layer(built("FROM scratch\nCOPY --chmod=u=rwX,go=rX src /x\n"), 0);
  EXPECT_EQ(seen.at("x").entry.mode, 0755U);
  EXPECT_EQ(seen.at("x/run").entry.mode, 0755U);
  EXPECT_EQ(seen.at("x/data").entry.mode, 0644U);
  const auto doc = layer(built("FROM scratch\nARG M=+x\nCOPY --chmod=$M <<EOF /run\n1\nEOF\n"), 0);
  EXPECT_EQ(doc.at("run").entry.mode, 0755U);
}

TEST_F(CopyFlags, ALinkedLayerIsTheSameOnEveryBase) {
  write("f", "1");
  write("one", "1");
  write("two", "2");
  const auto first = built("FROM scratch\nCOPY one /\nCOPY --link f /app/\n");
  const auto second = built("FROM scratch\nCOPY two /\nCOPY --link f /app/\n");
  EXPECT_EQ(config(first).diff_ids[1], config(second).diff_ids[1]);
  EXPECT_EQ(second.cached_steps, 1U);
}

TEST_F(CopyFlags, ALinkedLayerSeesNoLinksBelowIt) {
  write("f", "1");
  std::filesystem::create_directory(context() / "links");
  std::filesystem::create_directory_symlink("/real", context() / "links/app");
  const auto linked = built("FROM scratch\nCOPY --chmod=700 f /real/old\nCOPY links /\nCOPY --link f /app/\n");
  const auto seen = layer(linked, config(linked).diff_ids.size() - 1);
  EXPECT_EQ(seen.at("app").entry.type, EntryType::directory);
  EXPECT_EQ(seen.at("app").entry.mode, 0755U);
  EXPECT_TRUE(seen.contains("app/f"));
  EXPECT_FALSE(seen.contains("real"));
}

TEST_F(CopyFlags, ALinkedLayerKnowsTheUsersOfItsBaseByNumber) {
  write("passwd", "bob:x:7:8::/:\n");
  write("other", "bob:x:9:8::/:\n");
  write("f", "1");
  const auto one = built("FROM scratch\nCOPY passwd /etc/passwd\nCOPY --link --chown=bob f /x/\n");
  EXPECT_EQ(layer(one, 1).at("x/f").entry.uid, 7U);
  const auto two = built("FROM scratch\nCOPY other /etc/passwd\nCOPY --link --chown=bob f /x/\n");
  EXPECT_EQ(layer(two, 1).at("x/f").entry.uid, 9U);
}

TEST_F(CopyFlags, WhatFollowsALinkedLayerSeesIt) {
  write("f", "1");
  write("g", "2");
  EXPECT_EQ(refusal("FROM scratch\nCOPY --link f /app\nCOPY g /app/x\n"),
            "Dockerfile:3:1: '/app' is a file in the image, but a folder is needed there");
}

TEST_F(CopyFlags, ArchivesOfEveryPackingAreUnpacked) {
  write("in/f", "content\n");
  for (const char* packing : {"", "--gzip", "--bzip2", "--xz", "--zstd"}) {
    Command tar;
    tar.argv = {"tar", "-C", (context() / "in").string(), "-cf", (context() / "archive").string(), "f"};
    if (*packing != '\0') tar.argv.insert(tar.argv.begin() + 1, packing);
    tar.environment = {"PATH=/usr/bin:/bin"};
    const auto exit = runner_.run(tar, cancel_, [](Stream, std::string_view) {});
    ASSERT_TRUE(exit);
    if (exit->code != 0) continue;  // this host's tar has no program for it
    EXPECT_THAT(copied("FROM scratch\nADD archive /to/\n"), ElementsAre("to", "to/f")) << packing;
    EXPECT_THAT(copied("FROM scratch\nADD --unpack=false archive /to/\n"), ElementsAre("to", "to/archive")) << packing;
  }
}

TEST_F(CopyFlags, WhatOnlyBeginsLikeAnArchiveIsCopied) {
  for (const std::string& head :
       {std::string("BZh91AY&SY"), std::string("\xfd") + "7zXZ", std::string("\x1f\x8b\x08")}) {
    write("archive", head + std::string(600, 'x'));
    EXPECT_THAT(copied("FROM scratch\nADD archive /to/\n"), ElementsAre("to", "to/archive")) << head;
  }
}

}  // namespace
}  // namespace scangate
