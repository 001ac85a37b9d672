// COPY and ADD: what ends up in the layer.
#include <sys/stat.h>
#include <unistd.h>

#include "build_fixture.h"
#include "pipeline/build/file_digests.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CopyStep : public BuildFixture {};

TEST_F(CopyStep, AFolderGivesItsContent) {
  write("src/a.txt", "A", 0640);
  write("src/deep/b.sh", "B", 0755);
  ASSERT_EQ(::symlink("a.txt", (context() / "src/link").c_str()), 0);
  const auto seen = layer(built("FROM scratch\nCOPY src /app\n"), 0);
  EXPECT_THAT(paths(seen), ElementsAre("app", "app/a.txt", "app/deep", "app/deep/b.sh", "app/link"));
  EXPECT_EQ(seen.at("app/a.txt").text, "A");
  EXPECT_EQ(seen.at("app/a.txt").entry.mode, 0640U);
  EXPECT_EQ(seen.at("app/a.txt").entry.uid, 0U);
  EXPECT_EQ(seen.at("app/deep/b.sh").entry.mode, 0755U);
  EXPECT_EQ(seen.at("app/link").entry.type, EntryType::symlink);
  EXPECT_EQ(seen.at("app/link").entry.link_target, "a.txt");
}

TEST_F(CopyStep, DestinationsFollowTheSlashAndWhatIsThere) {
  write("f", "1");
  write("g", "2");
  EXPECT_THAT(paths(layer(built("FROM scratch\nCOPY f /x\n"), 0)), ElementsAre("x"));
  EXPECT_THAT(paths(layer(built("FROM scratch\nCOPY f /x/\n"), 0)), ElementsAre("x", "x/f"));
  EXPECT_THAT(paths(layer(built("FROM scratch\nCOPY f g /x/y/\n"), 0)), ElementsAre("x", "x/y", "x/y/f", "x/y/g"));
  EXPECT_THAT(paths(layer(built("FROM scratch\nWORKDIR /w\nCOPY f .\n"), 1)), ElementsAre("w", "w/f"));
  EXPECT_THAT(paths(layer(built("FROM scratch\nWORKDIR /w/v\nCOPY f /w\n"), 1)), ElementsAre("w", "w/f"));
  EXPECT_THAT(paths(layer(built("FROM scratch\nCOPY [\"f\", \"g\", \"./\"]\n"), 0)), ElementsAre("f", "g"));
}

TEST_F(CopyStep, PatternsMatchOneLevelAndMayMatchNothing) {
  write("a.py", "1");
  write("b.py", "2");
  write("sub/c.py", "3");
  EXPECT_THAT(paths(layer(built("FROM scratch\nCOPY *.py none* /p/\n"), 0)), ElementsAre("p", "p/a.py", "p/b.py"));
  EXPECT_THAT(paths(layer(built("FROM scratch\nCOPY */?.py /p/\n"), 0)), ElementsAre("p", "p/c.py"));
  const auto nothing = built("FROM scratch\nCOPY none* /p/\n");
  EXPECT_THAT(config(nothing).diff_ids, IsEmpty());
  ASSERT_THAT(nothing.warnings, SizeIs(1));
  EXPECT_EQ(nothing.warnings[0].text, "'none*' matches nothing");
}

TEST_F(CopyStep, IgnoreRulesHideFiles) {
  write("a", "1");
  write("secret", "2");
  write("d/keep", "3");
  write("d/drop", "4");
  write(".dockerignore", "secret\nd\n!d/keep\n.dockerignore\n");
  EXPECT_THAT(paths(layer(built("FROM scratch\nCOPY . /x/\n"), 0)), ElementsAre("x", "x/a", "x/d", "x/d/keep"));
  EXPECT_EQ(refusal("FROM scratch\nCOPY secret /\n"),
            "Dockerfile:2:6: 'secret' is not in the context (the ignore rule 'secret' hides it)");
  // A link does not lead around the rules.
  ASSERT_EQ(::symlink("secret", (context() / "way").c_str()), 0);
  EXPECT_EQ(refusal("FROM scratch\nCOPY way /\n"),
            "Dockerfile:2:6: 'secret' is not in the context (the ignore rule 'secret' hides it)");
}

TEST_F(CopyStep, LinksCannotLeaveTheContext) {
  ASSERT_EQ(::symlink("/etc/passwd", (context() / "out").c_str()), 0);
  EXPECT_EQ(refusal("FROM scratch\nCOPY out /\n"), "Dockerfile:2:6: 'out' is not in the context");
}

TEST_F(CopyStep, LinksOfTheImageAreFollowedAtTheDestination) {
  write("base/real/keep", "1");
  ASSERT_EQ(::symlink("/real", (context() / "base/alias").c_str()), 0);
  write("f", "2");
  const auto image = built("FROM scratch\nCOPY base /\nCOPY f /alias/x/\n");
  EXPECT_THAT(paths(layer(image, 1)), ElementsAre("real", "real/x", "real/x/f"));
}

TEST_F(CopyStep, OwnersAndModes) {
  write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n");
  write("etc/group", "root:x:0:\nstaff:x:50:app\n");
  write("f", "x");
  const auto image =
      built("FROM scratch\nCOPY etc /etc\nARG U=app\nCOPY --chown=$U:staff --chmod=0711 f /n/f\nCOPY --chown=7 f /g\n");
  const auto named = layer(image, 1);
  EXPECT_EQ(named.at("n/f").entry.uid, 1000U);
  EXPECT_EQ(named.at("n/f").entry.gid, 50U);
  EXPECT_EQ(named.at("n/f").entry.mode, 0711U);
  EXPECT_EQ(named.at("n").entry.mode, 0711U);
  EXPECT_EQ(layer(image, 2).at("g").entry.uid, 7U);
  EXPECT_EQ(layer(image, 2).at("g").entry.gid, 7U);
}

TEST_F(CopyStep, FoldersThatExistKeepTheirAttributes) {
  write("base/tmp/x", "1");
  ASSERT_EQ(::chmod((context() / "base/tmp").c_str(), 01777), 0);
  write("f", "2");
  const auto image = built("FROM scratch\nCOPY base /\nCOPY f /tmp/\n");
  EXPECT_EQ(layer(image, 0).at("tmp").entry.mode, 01777U);
  EXPECT_EQ(layer(image, 1).at("tmp").entry.mode, 01777U);
}

TEST_F(CopyStep, FromStagesOnlyWhatIsAsked) {
  write("a", "1");
  write("b", "2");
  const auto image = built("FROM scratch AS x\nCOPY --chown=5:6 a b /d/\nFROM scratch\nCOPY --from=x /d/a /\n");
  const auto seen = files(image);
  EXPECT_THAT(paths(seen), ElementsAre("a"));
  EXPECT_EQ(seen.at("a").entry.uid, 5U);
  EXPECT_EQ(seen.at("a").entry.gid, 6U);
  ASSERT_THAT(image.facts.layers, SizeIs(1));
  EXPECT_EQ(image.facts.layers[0].stage, "1");
}

TEST_F(CopyStep, HardLinksStayLinks) {
  write("d/one", "same");
  std::filesystem::create_hard_link(context() / "d/one", context() / "d/two");
  const auto seen = layer(built("FROM scratch\nCOPY d /d\n"), 0);
  EXPECT_EQ(seen.at("d/two").entry.type, EntryType::hardlink);
  EXPECT_EQ(seen.at("d/two").entry.link_target, "d/one");
}

TEST_F(CopyStep, HeredocsBecomeFiles) {
  const auto seen =
      layer(built("FROM scratch\nENV N=me\nCOPY <<a.txt <<\"b.txt\" /d/\nhi $N\na.txt\nhi $N\nb.txt\n"), 0);
  EXPECT_EQ(seen.at("d/a.txt").text, "hi me\n");
  EXPECT_EQ(seen.at("d/b.txt").text, "hi $N\n");
  EXPECT_EQ(seen.at("d/a.txt").entry.mode, 0644U);
}

TEST_F(CopyStep, WhiteoutNamesAreRefused) {
  write("d/.wh.passwd", "x");
  EXPECT_EQ(refusal("FROM scratch\nCOPY d /etc/\n"),
            "Dockerfile:2:1: 'd/.wh.passwd' cannot be stored in a layer: names beginning with .wh. are whiteouts");
}

TEST_F(CopyStep, FoldersAndFilesDoNotReplaceEachOther) {
  write("f", "x");
  write("d/f/g", "y");
  EXPECT_EQ(refusal("FROM scratch\nCOPY f /f\nCOPY d /\n"),
            "Dockerfile:3:1: '/f' is a file or link in the image, a folder cannot replace it");
  EXPECT_EQ(refusal("FROM scratch\nCOPY d /\nCOPY f /\n"),
            "Dockerfile:3:1: '/f' is a folder in the image, a file cannot replace it");
}

TEST_F(CopyStep, AddUnpacksArchivesAndCopyDoesNot) {
  write("in/x/y", "deep");
  write("in/z", "top");
  Command tar;
  tar.argv = {"tar",       "-C",   (context() / "in").string(),       "--owner=3",
              "--group=4", "-czf", (context() / "a.tar.gz").string(), "."};
  tar.environment = {"PATH=/usr/bin:/bin"};
  ASSERT_EQ(runner_.run(tar, cancel_, [](Stream, std::string_view) {})->code, 0);
  write("plain.gz", "not packed at all");
  const auto added = layer(built("FROM scratch\nADD a.tar.gz /to\n"), 0);
  EXPECT_THAT(paths(added), ElementsAre("to", "to/x", "to/x/y", "to/z"));
  EXPECT_EQ(added.at("to/x/y").text, "deep");
  EXPECT_EQ(added.at("to/z").entry.uid, 3U);
  EXPECT_THAT(paths(layer(built("FROM scratch\nCOPY a.tar.gz /to/\n"), 0)), ElementsAre("to", "to/a.tar.gz"));
  EXPECT_THAT(paths(layer(built("FROM scratch\nADD --unpack=false a.tar.gz /to/\n"), 0)),
              ElementsAre("to", "to/a.tar.gz"));
  EXPECT_THAT(paths(layer(built("FROM scratch\nADD plain.gz /to/\n"), 0)), ElementsAre("to", "to/plain.gz"));
}

TEST_F(CopyStep, UnchangedContextIsCached) {
  write("d/a", "1");
  const char* dockerfile = "FROM scratch\nCOPY d /d\nENV X=1\n";
  const auto first = built(dockerfile);
  EXPECT_EQ(first.cached_steps, 0U);
  const auto second = built(dockerfile);
  EXPECT_EQ(second.cached_steps, 1U);
  EXPECT_EQ(second.manifest_digest, first.manifest_digest);
  EXPECT_THAT(progress_.lines, ::testing::Contains("#2 CACHED"));
  // A new time is no new content.
  std::filesystem::last_write_time(context() / "d/a",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(5));
  EXPECT_EQ(built(dockerfile).manifest_digest, first.manifest_digest);
  write("d/a", "2");
  const auto changed = built(dockerfile);
  EXPECT_EQ(changed.cached_steps, 0U);
  EXPECT_EQ(layer(changed, 0).at("d/a").text, "2");
  write("d/a", "1");
  EXPECT_EQ(built(dockerfile).manifest_digest, first.manifest_digest);
  ASSERT_EQ(::chmod((context() / "d/a").c_str(), 0600), 0);
  EXPECT_EQ(built(dockerfile).cached_steps, 0U);
}

TEST_F(CopyStep, KnownDigestsAreNotReadAgain) {
  auto tree = build::SourceTree::open(context(), "the context", {});
  ASSERT_TRUE(tree);
  build::TreeItem settled;
  settled.path = "not/there";
  settled.stamp = {1, 2, 3, 4'000'000'005, 6'000'000'007};
  build::TreeItem fresh = settled;
  fresh.stamp.ctime_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count() +
      1'000'000'000;
  const Digest digest = Digest::of("content");
  build::FileDigests learning(*store_, "id");
  learning.remember(settled, digest);
  learning.remember(fresh, digest);
  EXPECT_EQ(*learning.digest(*tree, fresh, cancel_), digest);
  ASSERT_TRUE(learning.save());
  build::FileDigests later(*store_, "id");
  EXPECT_EQ(*later.digest(*tree, settled, cancel_), digest);
  // Too new to tell a second change from none: it is read again, and here that fails.
  EXPECT_FALSE(later.digest(*tree, fresh, cancel_));
  settled.stamp.size_bytes = 4;
  EXPECT_FALSE(later.digest(*tree, settled, cancel_));
  EXPECT_FALSE(build::FileDigests(*store_, "other").digest(*tree, settled, cancel_));
}

TEST_F(CopyStep, AnotherProjectsStepsAreNotServed) {
  write("a", "1");
  request_.cache_namespace = "one";
  EXPECT_EQ(built("FROM scratch\nCOPY a /\n").cached_steps, 0U);
  EXPECT_EQ(built("FROM scratch\nCOPY a /\n").cached_steps, 1U);
  request_.cache_namespace = "two";
  EXPECT_EQ(built("FROM scratch\nCOPY a /\n").cached_steps, 0U);
  request_.no_cache = true;
  EXPECT_EQ(built("FROM scratch\nCOPY a /\n").cached_steps, 0U);
}

TEST_F(CopyStep, SourceDateEpochMakesBuildsEqual) {
  write("d/a", "1");
  const char* dockerfile = "FROM scratch\nCOPY d /new/d\nWORKDIR /w\n";
  request_.source_date_epoch = TimePoint(std::chrono::seconds(1'000'000'000));
  const auto first = built(dockerfile);
  EXPECT_EQ(layer(first, 0).at("new/d/a").entry.mtime_seconds, 1'000'000'000);
  EXPECT_EQ(config(first).created, request_.source_date_epoch);
  request_.no_cache = true;
  std::filesystem::last_write_time(context() / "d/a", std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(built(dockerfile).manifest_digest, first.manifest_digest);
}

}  // namespace
}  // namespace scangate
