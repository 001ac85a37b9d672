#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scan/inventory/layer_builder.h"

namespace scangate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string deb(std::string_view name, std::string_view version) {
  return "Package: " + std::string(name) +
         "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + std::string(version) + "\n\n";
}
std::string npm(std::string_view name, std::string_view version) {
  return R"({"name":")" + std::string(name) + R"(","version":")" + std::string(version) + R"("})";
}
std::string python(std::string_view name, std::string_view version) {
  return "Name: " + std::string(name) + "\nVersion: " + std::string(version) + "\n\n";
}

TEST(Merge, NamesTheLayerThatBroughtEachVersion) {
  LayerBuilder base;
  base.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status", deb("kept", "1") + deb("raised", "1") + deb("gone", "1"));
  LayerBuilder second;
  second.file("var/lib/dpkg/status", deb("kept", "1") + deb("raised", "2") + deb("new", "1"));
  LayerBuilder third;
  third.file("var/lib/dpkg/status", deb("kept", "1") + deb("raised", "2") + deb("new", "1") + deb("gone", "1"));
  LayerBuilder fourth;
  fourth.file("app/other", "");
  EXPECT_THAT(lines_of(merged(base, second, third, fourth)),
              ElementsAre("deb/gone 1 amd64 @2", "deb/kept 1 amd64 @0", "deb/new 1 amd64 @1", "deb/raised 2 amd64 @1"));
}

TEST(Merge, RewritingAFileUnchangedKeepsItsLayer) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"))
      .file("app/node_modules/y/package.json", npm("y", "1.0.0"));
  LayerBuilder chown;
  chown.file("app/node_modules/x/package.json", npm("x", "1.0.0"))
      .file("app/node_modules/y/package.json", npm("y", "2.0.0"));
  EXPECT_THAT(lines_of(merged(base, chown)), ElementsAre("npm/x 1.0.0 @0", "npm/y 2.0.0 @1"));
}

TEST(Merge, WhiteoutHidesAFile) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"))
      .file("app/node_modules/xy/package.json", npm("xy", "1.0.0"));
  LayerBuilder upper;
  upper.removed("app/node_modules/x/package.json");
  EXPECT_THAT(lines_of(merged(base, upper)), ElementsAre("npm/xy 1.0.0 @0"));
}

TEST(Merge, WhiteoutHidesAFolderButNotItsNeighbours) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"))
      .file("app2/node_modules/y/package.json", npm("y", "1.0.0"));
  LayerBuilder upper;
  upper.removed("app");
  EXPECT_THAT(lines_of(merged(base, upper)), ElementsAre("npm/y 1.0.0 @0"));
}

TEST(Merge, OpaqueFolderHidesWhatIsBelowOnly) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"))
      .file("lib2/node_modules/y/package.json", npm("y", "1.0.0"));
  LayerBuilder upper;
  // In whatever order: the marker may come after the new content.
  upper.file("app/node_modules/z/package.json", npm("z", "1.0.0"))
      .opaque("app/node_modules")
      .file("app/node_modules/w/package.json", npm("w", "1.0.0"));
  EXPECT_THAT(lines_of(merged(base, upper)), ElementsAre("npm/w 1.0.0 @1", "npm/y 1.0.0 @0", "npm/z 1.0.0 @1"));
}

TEST(Merge, OpaqueRootHidesEverything) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"));
  LayerBuilder upper;
  upper.opaque("").file("app/node_modules/z/package.json", npm("z", "1.0.0"));
  EXPECT_THAT(lines_of(merged(base, upper)), ElementsAre("npm/z 1.0.0 @1"));
}

TEST(Merge, WhiteoutDoesNotHideItsOwnLayer) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"));
  LayerBuilder upper;
  upper.file("app/node_modules/x/package.json", npm("x", "2.0.0")).removed("app/node_modules/x");
  EXPECT_THAT(lines_of(merged(base, upper)), ElementsAre("npm/x 2.0.0 @1"));
}

TEST(Merge, MarkersOfAufsMeanNothing) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"));
  LayerBuilder upper;
  upper.file(".wh.", "")
      .file(".wh..wh.plnk", "")
      .file(".wh..wh.aufs", "")
      .file("app/.wh..", "")
      .file("app/.wh...", "")
      .file("app/.wh.", "");
  EXPECT_THAT(lines_of(merged(base, upper)), ElementsAre("npm/x 1.0.0 @0"));
}

TEST(Merge, FolderReplacedByAFileOrSymlinkHidesItsContent) {
  for (const EntryType type : {EntryType::file, EntryType::symlink, EntryType::fifo, EntryType::character_device}) {
    LayerBuilder base;
    base.file("app/node_modules/x/package.json", npm("x", "1.0.0"))
        .file("opt/node_modules/y/package.json", npm("y", "1.0.0"));
    LayerBuilder upper;
    upper.entry({.path = "app", .type = type, .link_target = "opt"});
    EXPECT_THAT(lines_of(merged(base, upper)), ElementsAre("npm/y 1.0.0 @0"));
  }
}

TEST(Merge, FolderOverAFolderHidesNothing) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"));
  LayerBuilder upper;
  upper.folder("app").folder("app/node_modules").folder("app/node_modules/x");
  EXPECT_THAT(lines_of(merged(base, upper)), ElementsAre("npm/x 1.0.0 @0"));
}

TEST(Merge, LastOfSeveralEntriesOfOnePathCounts) {
  LayerBuilder layer;
  layer.file("app/node_modules/x/package.json", npm("x", "1.0.0"))
      .file("app/node_modules/x/package.json", npm("x", "2.0.0"))
      .file("old/node_modules/y/package.json", npm("y", "1.0.0"))
      .link("old", "new");
  EXPECT_THAT(lines_of(merged(layer)), ElementsAre("npm/x 2.0.0 @0"));
}

TEST(Merge, LaterLayerSeesWhatAWhiteoutGaveBack) {
  LayerBuilder base;
  base.file("app/node_modules/x/package.json", npm("x", "1.0.0"));
  LayerBuilder without;
  without.removed("app");
  LayerBuilder again;
  again.file("app/node_modules/x/package.json", npm("x", "1.0.0"));
  EXPECT_THAT(lines_of(merged(base, without, again)), ElementsAre("npm/x 1.0.0 @2"));
}

struct Loss {
  const char* name;
  void (*remove)(LayerBuilder&);
};
class LostDatabase : public testing::TestWithParam<Loss> {};
TEST_P(LostDatabase, LeavesTheInventoryIncomplete) {
  LayerBuilder base;
  base.file("etc/os-release", kDebianRelease).file("var/lib/dpkg/status", deb("a", "1") + deb("b", "1"));
  LayerBuilder harmless;
  harmless.file("app/x", "");
  LayerBuilder upper;
  GetParam().remove(upper);
  const Inventory found = merged(base, harmless, upper);
  EXPECT_THAT(lines_of(found), IsEmpty());
  EXPECT_THAT(
      problems_of(found),
      ElementsAre("!var/lib/dpkg/status@2: the package database of dpkg was removed or emptied by this layer: 2 "
                  "packages can no longer be seen, though their files may be there"));
}
INSTANTIATE_TEST_SUITE_P(
    By, LostDatabase,
    testing::Values(Loss{"WhiteoutOfTheFile", [](LayerBuilder& layer) { layer.removed("var/lib/dpkg/status"); }},
                    Loss{"WhiteoutOfTheFolder", [](LayerBuilder& layer) { layer.removed("var/lib/dpkg"); }},
                    Loss{"OpaqueFolder", [](LayerBuilder& layer) { layer.opaque("var/lib"); }},
                    Loss{"EmptyFile", [](LayerBuilder& layer) { layer.file("var/lib/dpkg/status", ""); }},
                    Loss{"FolderInItsPlace", [](LayerBuilder& layer) { layer.folder("var/lib/dpkg/status"); }},
                    Loss{"SymlinkElsewhere", [](LayerBuilder& layer) { layer.link("var/lib/dpkg", "/opt/hidden"); }},
                    Loss{"SymlinkLoop", [](LayerBuilder& layer) { layer.link("var/lib/dpkg", "dpkg"); }}),
    [](const auto& suite) { return std::string(suite.param.name); });

TEST(LostDatabase, IsForgivenWhenItComesBack) {
  LayerBuilder base;
  base.file("etc/os-release", kDebianRelease).file("var/lib/dpkg/status", deb("a", "1"));
  LayerBuilder without;
  without.removed("var/lib/dpkg");
  LayerBuilder again;
  again.file("var/lib/dpkg/status", deb("a", "1"));
  const Inventory found = merged(base, without, again);
  EXPECT_THAT(lines_of(found), ElementsAre("deb/a 1 amd64 @2"));
  EXPECT_THAT(problems_of(found), IsEmpty());
}

TEST(SymlinkedDatabase, IsFollowedToAnotherFolder) {
  LayerBuilder base;
  base.file("etc/os-release", kDebianRelease).file("var/lib/dpkg/status", deb("a", "1"));
  LayerBuilder moved;
  moved.removed("var/lib/dpkg")
      .link("var/lib/dpkg", "../../opt/dpkg")
      .file("opt/dpkg/status", deb("a", "1") + deb("b", "2"));
  const Inventory found = merged(base, moved);
  EXPECT_THAT(lines_of(found), ElementsAre("deb/a 1 amd64 @0", "deb/b 2 amd64 @1"));
  EXPECT_THAT(problems_of(found), IsEmpty());
}

TEST(SymlinkedDatabase, IsFollowedFromTheRootAndThroughDots) {
  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease)
      .link("var", "/./data/../data/var")
      .file("data/var/lib/dpkg/status", deb("a", "1"));
  EXPECT_THAT(lines_of(merged(layer)), ElementsAre("deb/a 1 amd64 @0"));
}

TEST(OsReleaseOfImage, ComesFromUsrLibWhereEtcHasNone) {
  LayerBuilder layer;
  layer.file("usr/lib/os-release", kAlpineRelease).file("lib/apk/db/installed", "P:a\nV:1-r0\n\n");
  EXPECT_EQ(merged(layer).os->id, "alpine");
}

TEST(OsReleaseOfImage, IsFollowedThroughASymlinkOfAnotherLayer) {
  LayerBuilder base;
  base.link("etc/os-release", "../usr/lib/os-release").file("lib/apk/db/installed", "P:a\nV:1-r0\n\n");
  LayerBuilder upper;
  upper.file(
      "usr/lib/os-release",
      "ID='alpine'\nVERSION_ID=\"3.20\" # comment\nNAME=\"x \\\"y\\\"\"\nPRETTY_NAME=\"a \\$b \\\"c\\\"\"\nID_LIKE=\n");
  const Inventory found = merged(base, upper);
  EXPECT_THAT(problems_of(found), IsEmpty());
  EXPECT_EQ(*found.os, (OsRelease{.id = "alpine", .version_id = "3.20", .pretty_name = "a $b \"c\""}));
}

TEST(OsReleaseOfImage, WithoutItOsPackagesCannotBeJudged) {
  LayerBuilder layer;
  layer.file("var/lib/dpkg/status", deb("a", "1"));
  const Inventory found = merged(layer);
  EXPECT_EQ(found.os, std::nullopt);
  EXPECT_EQ(found.packages[0].name_space, "debian");
  EXPECT_THAT(problems_of(found),
              ElementsAre("!etc/os-release@0: 1 packages of a distribution, but no os-release file tells which one"));
}

TEST(OsReleaseOfImage, WithoutAnIdIsNone) {
  LayerBuilder layer;
  layer.file("etc/os-release", "NAME=x\n");
  const Inventory found = merged(layer);
  EXPECT_EQ(found.os, std::nullopt);
  EXPECT_THAT(problems_of(found), ElementsAre("!etc/os-release@0: has no ID, so the distribution is unknown"));
}

TEST(OsReleaseOfImage, WithoutAPackageDatabaseIsIncomplete) {
  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease).file("usr/bin/openssl", "");
  EXPECT_THAT(
      problems_of(merged(layer)),
      ElementsAre("!etc/os-release@0: the image says it is debian 12 but has no package database that we can read"));
}

TEST(OsReleaseOfImage, ChangedByAnUpperLayerIsTold) {
  LayerBuilder base;
  base.file("etc/os-release", kDebianRelease).file("var/lib/dpkg/status", deb("a", "1"));
  LayerBuilder upper;
  upper.file("etc/os-release", "ID=mine\nVERSION_ID=1\n");
  EXPECT_THAT(problems_of(merged(base, upper)),
              ElementsAre("etc/os-release@1: this layer turns debian 12 into mine 1"));
}

TEST(Ownership, HoldsForFilesOfTheDistribution) {
  LayerBuilder base;
  base.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status", deb("python3-flask", "2.2.2-3") + deb("vendor-sdk", "1"))
      .file("var/lib/dpkg/info/python3-flask.list",
            "/.\n/usr\n/usr/lib/python3/dist-packages/flask-2.2.2.egg-info\n/usr/lib/python3/dist-packages/"
            "flask-2.2.2.egg-info/PKG-INFO\n")
      .file("var/lib/dpkg/info/vendor-sdk.list", "/opt/sdk/site-packages/flask-1.0.dist-info/METADATA\n")
      .file("opt/sdk/site-packages/flask-1.0.dist-info/METADATA", python("flask", "1.0"))
      .file("usr/lib/python3/dist-packages/flask-2.2.2.egg-info/PKG-INFO", python("Flask", "2.2.2"));
  LayerBuilder pip;
  pip.file("usr/local/lib/python3.11/dist-packages/flask-2.2.2.dist-info/METADATA", python("Flask", "2.2.2"));
  EXPECT_THAT(lines_of(merged(base, pip)),
              ElementsAre("deb/python3-flask 2.2.2-3 amd64 @0", "deb/vendor-sdk 1 amd64 @0", "pypi/flask 1.0 @0",
                          "pypi/flask 2.2.2 @1", "pypi/flask 2.2.2 @0 owned by python3-flask"));
}

TEST(Ownership, EndsWhenAnotherProgramWroteOverTheFile) {
  LayerBuilder base;
  const std::string path = "usr/lib/python3/dist-packages/flask.egg-info/PKG-INFO";
  base.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status", deb("python3-flask", "2.2.2-3"))
      .file("var/lib/dpkg/info/python3-flask.list", "/" + path + "\n")
      .file(path, python("Flask", "2.2.2"));
  LayerBuilder chown;
  chown.file(path, python("Flask", "2.2.2"));
  EXPECT_THAT(lines_of(merged(base, chown)).back(), "pypi/flask 2.2.2 @0 owned by python3-flask");

  LayerBuilder again;
  again.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status", deb("python3-flask", "2.2.2-3"))
      .file("var/lib/dpkg/info/python3-flask.list", "/" + path + "\n")
      .file(path, python("Flask", "2.2.2"));
  LayerBuilder pip;
  pip.file(path, python("Flask", "0.5"));
  EXPECT_THAT(lines_of(merged(again, pip)).back(), "pypi/flask 0.5 @1");
}

TEST(Ownership, NeedsAnInstalledOwner) {
  LayerBuilder layer;
  const std::string path = "usr/lib/python3/dist-packages/flask.egg-info/PKG-INFO";
  layer.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status",
            deb("a", "1") +
                "Package: python3-flask\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n")
      .file("var/lib/dpkg/info/python3-flask.list", "/" + path + "\n")
      .file(path, python("Flask", "2.2.2"));
  EXPECT_THAT(lines_of(merged(layer)).back(), "pypi/flask 2.2.2 @0");
}

struct Unread {
  const char* path;
  const char* system;
};
class UnreadDatabase : public testing::TestWithParam<Unread> {};
TEST_P(UnreadDatabase, LeavesTheInventoryIncomplete) {
  LayerBuilder layer;
  layer.file("etc/os-release", "ID=fedora\nVERSION_ID=41\n").file(GetParam().path, "\x01");
  EXPECT_THAT(problems_of(merged(layer)), ElementsAre("!" + std::string(GetParam().path) + "@0: packages of " +
                                                      GetParam().system + " are not read yet"));
}
INSTANTIATE_TEST_SUITE_P(
    Of, UnreadDatabase,
    testing::Values(Unread{"var/lib/rpm/Packages", "rpm"}, Unread{"var/lib/rpm/rpmdb.sqlite", "rpm"},
                    Unread{"usr/lib/sysimage/rpm/Packages.db", "rpm"}, Unread{"usr/share/rpm/rpmdb.sqlite", "rpm"},
                    Unread{"var/lib/rpmmanifest/container-manifest-2", "rpm"},
                    Unread{"var/lib/pacman/local/bash-5.2-1/desc", "pacman"}, Unread{"usr/lib/opkg/status", "opkg"},
                    Unread{"var/db/pkg/app-shells/bash-5/PF", "portage"}));

TEST(UnreadDatabase, AlsoBesideOneThatIsRead) {
  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status", deb("a", "1"))
      .file("var/lib/rpm/rpmdb.sqlite", "x");
  EXPECT_THAT(problems_of(merged(layer)), ElementsAre("!var/lib/rpm/rpmdb.sqlite@0: packages of rpm are not read yet"));
}

TEST(UnreadDatabase, EmptyAndLockFilesAreNone) {
  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status", deb("a", "1"))
      .file("var/lib/rpm/Packages", "")
      .file("var/lib/rpm/.rpm.lock", "x");
  EXPECT_THAT(problems_of(merged(layer)), IsEmpty());
}

TEST(UnreadDatabase, RemovedByAnUpperLayerIsStillMissed) {
  LayerBuilder base;
  base.file("var/lib/rpm/Packages", "x");
  LayerBuilder upper;
  upper.removed("var/lib/rpm");
  LayerBuilder top;
  top.file("a", "");
  EXPECT_THAT(problems_of(merged(base, upper, top)),
              ElementsAre("!var/lib/rpm/Packages@1: the package database of rpm was removed by this layer"));
}

TEST(NotedFiles, AreSetuidAndSetgidFilesThatAreVisible) {
  LayerBuilder base;
  base.file("usr/bin/su", "x", 04755)
      .file("usr/bin/wall", "x", 02755)
      .file("usr/bin/ls", "x", 0755)
      .file("usr/bin/gone", "x", 04755);
  base.entry({.path = "var/mail", .type = EntryType::directory, .mode = 02775});
  base.hard_link("usr/bin/su2", "usr/bin/su", 04755);
  LayerBuilder upper;
  upper.removed("usr/bin/gone").file("usr/bin/wall", "x", 0755);
  const Inventory found = merged(base, upper);
  std::vector<std::string> lines;
  for (const NotedFile& file : found.noted_files)
    lines.push_back(fmt::format("{} {:o} @{}", file.path, file.mode, file.layer));
  EXPECT_THAT(lines, ElementsAre("usr/bin/su 4755 @0", "usr/bin/su2 4755 @0"));
}

TEST(NotedFiles, AreCapped) {
  LayerBuilder layer;
  for (int i = 0; i < 10'000; ++i)
    layer.file("bin/" + std::to_string(i), "", 04755);
  EXPECT_THAT(problems_of(merged(layer)), IsEmpty());
  for (int i = 0; i < 10'001; ++i)
    layer.file("bin/" + std::to_string(i), "", 04755);
  const Inventory found = merged(layer);
  EXPECT_EQ(found.noted_files.size(), 10'000U);
  EXPECT_THAT(problems_of(found), ElementsAre("@0: more than 10000 setuid and setgid files, the rest is not listed"));
}

TEST(Merge, OfNoLayersIsEmpty) {
  const Inventory found = merge_layers({});
  EXPECT_EQ(found.os, std::nullopt);
  EXPECT_THAT(found.packages, IsEmpty());
  EXPECT_THAT(found.problems, IsEmpty());
}

TEST(Merge, KeepsTheHeaviestProblemsUnderTheCap) {
  LayerBuilder layer;
  for (int i = 0; i < 1001; ++i)
    layer.file("n" + std::to_string(i) + "/node_modules/x/package.json", "{");
  const Inventory found = merged(layer);
  ASSERT_EQ(found.problems.size(), 1001U);
  EXPECT_EQ(found.problems.back().cause, "1 more problems of this kind");
  EXPECT_TRUE(found.problems.back().incomplete);
}

}  // namespace
}  // namespace scangate
