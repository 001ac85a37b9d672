#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "scan/inventory/cataloger.h"
#include "tests/scan/inventory/layer_builder.h"

namespace scangate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Inventory scan_status(std::string_view status) {
  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease).file("var/lib/dpkg/status", status);
  return merged(layer);
}

TEST(DpkgStatus, GivesSourceNameAndVersion) {
  const Inventory found = scan_status(
      "Package: libc6\nStatus: install ok installed\nPriority: optional\nArchitecture: amd64\nMulti-Arch: same\n"
      "Source: glibc\nVersion: 2.36-9+deb12u4\nDescription: GNU C Library\n Contains the standard libraries.\n .\n "
      "More.\n"
      "\n"
      "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nSource: bash (5.2.15-2)\nVersion: "
      "5.2.15-2+b2\n"
      "\n"
      "Package: base-files\nStatus: install ok installed\nArchitecture: all\nVersion: 12.4+deb12u5\n");
  EXPECT_THAT(lines_of(found),
              ElementsAre("deb/base-files 12.4+deb12u5 all @0", "deb/bash 5.2.15-2+b2 amd64 <bash 5.2.15-2> @0",
                          "deb/libc6 2.36-9+deb12u4 amd64 <glibc 2.36-9+deb12u4> @0"));
  EXPECT_THAT(problems_of(found), IsEmpty());
  ASSERT_TRUE(found.os.has_value());
  EXPECT_EQ(*found.os, (OsRelease{.id = "debian",
                                  .version_id = "12",
                                  .version_codename = "bookworm",
                                  .pretty_name = "Debian GNU/Linux 12 (bookworm)"}));
  EXPECT_EQ(found.packages[0].name_space, "debian");
  EXPECT_THAT(found.packages[0].paths, ElementsAre("var/lib/dpkg/status"));
}

TEST(DpkgStatus, LeavesOutRemovedPackages) {
  const Inventory found = scan_status(
      "Package: a\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n"
      "Package: b\nStatus: purge ok not-installed\nArchitecture: amd64\n\n"
      "Package: c\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 3\n\n");
  EXPECT_THAT(lines_of(found), ElementsAre("deb/c 3 amd64 @0"));
  EXPECT_THAT(problems_of(found), IsEmpty());
}

TEST(DpkgStatus, ListsPackagesWhoseFilesAreThereThoughNotConfigured) {
  const Inventory found = scan_status(
      "Package: a\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 1\n\n"
      "Package: b\nStatus: install ok triggers-pending\nArchitecture: amd64\nVersion: 2\n\n"
      "Package: c\nStatus: install reinstreq half-installed\nArchitecture: amd64\nVersion: 3\n\n");
  EXPECT_THAT(lines_of(found), ElementsAre("deb/a 1 amd64 @0", "deb/b 2 amd64 @0", "deb/c 3 amd64 @0"));
  EXPECT_THAT(
      problems_of(found),
      ElementsAre("var/lib/dpkg/status@0: package c is in state 'install reinstreq half-installed': some of its "
                  "files may be missing"));
}

TEST(DpkgStatus, KeepsBothArchitecturesOfOnePackage) {
  const Inventory found = scan_status(
      "Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.36-9\nSource: glibc\n\n"
      "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\nSource: glibc\n\n");
  EXPECT_THAT(lines_of(found),
              ElementsAre("deb/libc6 2.36-9 amd64 <glibc 2.36-9> @0", "deb/libc6 2.36-9 i386 <glibc 2.36-9> @0"));
}

struct Damage {
  const char* name;
  std::string_view status;
  const char* problem;
};
class DamagedDpkgStatus : public testing::TestWithParam<Damage> {};
TEST_P(DamagedDpkgStatus, IsToldAndKeepsWhatCanBeRead) {
  const std::string good = "Package: good\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n";
  const Inventory found = scan_status(good + std::string(GetParam().status));
  EXPECT_THAT(lines_of(found), ElementsAre("deb/good 1 amd64 @0"));
  EXPECT_THAT(problems_of(found),
              ElementsAre(std::string("!var/lib/dpkg/status@0: damaged package database: ") + GetParam().problem));
}
INSTANTIATE_TEST_SUITE_P(Status, DamagedDpkgStatus,
                         testing::Values(Damage{"CutInAField", "Package: x\nStatus: deinstall ok config-files\nVersi",
                                                "line 8 is neither a field nor its continuation"},
                                         Damage{"NoVersion",
                                                "Package: x\nStatus: install ok installed\nArchitecture: amd64\n",
                                                "line 6 begins the record of x, which has no Version"},
                                         Damage{"NoPackage", "Status: install ok installed\nVersion: 1\n",
                                                "line 6 begins a record without a Package field"}),
                         [](const auto& suite) { return std::string(suite.param.name); });

TEST(DamagedDpkgStatus, CountsFurtherPlaces) {
  const Inventory found = scan_status("rubbish\nrubbish\nrubbish\n");
  EXPECT_THAT(
      problems_of(found),
      ElementsAre("!var/lib/dpkg/status@0: damaged package database: line 1 is neither a field nor its continuation",
                  "!var/lib/dpkg/status@0: 2 more damaged places in the package database"));
}

TEST(DpkgStatus, RefusesAnOverlongVersion) {
  const std::string longest(4096, '1');
  const std::string record = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: ";
  EXPECT_THAT(problems_of(scan_status(record + longest + "\n")), IsEmpty());
  EXPECT_THAT(problems_of(scan_status(record + longest + "1\n")).front(),
              "!var/lib/dpkg/status@0: damaged package database: line 4 has a field longer than 4.1 kB");
}

TEST(DpkgStatus, OverTheCapIsIncomplete) {
  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease);
  layer.entry({.path = "var/lib/dpkg/status", .size_bytes = (64U << 20U) + 1},
              "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n");
  const Inventory found = merged(layer);
  EXPECT_THAT(lines_of(found), ElementsAre("deb/a 1 all @0"));
  EXPECT_THAT(problems_of(found), ElementsAre("!var/lib/dpkg/status@0: larger than 67.1 MB, not read in full"));
}

TEST(DpkgStatus, ReadsDistrolessFolderAndItsFileLists) {
  LayerBuilder layer;
  layer.file("usr/lib/os-release", kDebianRelease)
      .link("etc/os-release", "../usr/lib/os-release")
      .file("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n")
      .file("var/lib/dpkg/status.d/tzdata.md5sums", "0123456789abcdef0123456789abcdef  usr/share/zoneinfo/UTC\n")
      .file("var/lib/dpkg/status.d/libssl3",
            "Package: libssl3\nSource: openssl\nVersion: 3.0.11-1~deb12u2\nArchitecture: amd64\nDescription: x\n y\n")
      .file("var/lib/dpkg/status.d/cHl0aG9uMy1mbGFzaw",
            "Package: python3-flask\nSource: flask\nVersion: 2.2.2-3\nArchitecture: all\n")
      .file("var/lib/dpkg/status.d/python3-flask.md5sums",
            "0123456789abcdef0123456789abcdef  usr/lib/python3/dist-packages/flask-2.2.2.dist-info/METADATA\n")
      .file("usr/lib/python3/dist-packages/flask-2.2.2.dist-info/METADATA", "Name: Flask\nVersion: 2.2.2\n\n");
  const Inventory found = merged(layer);
  EXPECT_THAT(lines_of(found),
              ElementsAre("deb/libssl3 3.0.11-1~deb12u2 amd64 <openssl 3.0.11-1~deb12u2> @0",
                          "deb/python3-flask 2.2.2-3 all <flask 2.2.2-3> @0", "deb/tzdata 2024a-0+deb12u1 all @0",
                          "pypi/flask 2.2.2 @0 owned by python3-flask"));
  EXPECT_THAT(problems_of(found), IsEmpty());
}

TEST(DpkgStatus, AlteredByHandIsSeenByTheFileLists) {
  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status",
            "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n"
            "Package: old\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n")
      .file("var/lib/dpkg/info/a.list", "/.\n/usr\n")
      .file("var/lib/dpkg/info/old.list", "/etc/old.conf\n")
      .file("var/lib/dpkg/info/openssl:amd64.list", "/usr/bin/openssl\n")
      .file("var/lib/dpkg/info/perl.list", "/usr/bin/perl\n");
  EXPECT_THAT(problems_of(merged(layer)),
              ElementsAre("!var/lib/dpkg/info/openssl:amd64.list@0: dpkg has a file list of openssl and 1 more but no "
                          "record: the package database was altered"));
}

TEST(DpkgStatus, OfARootInsideTheImageIsNotTheImages) {
  LayerBuilder layer;
  layer.file("opt/chroot/var/lib/dpkg/status",
             "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n");
  EXPECT_THAT(lines_of(merged(layer)), IsEmpty());
}

TEST(DpkgStatus, TakesAsManyPackagesAsTheCapAllows) {
  using namespace inventory;
  std::string status;
  for (std::size_t i = 0; i < kMaxPackagesPerFile; ++i)
    status += "Package: p\nVersion: 1\n\n";
  const auto read = [&status] { return dpkg_cataloger().read({.path = "var/lib/dpkg/status", .text = status}); };
  EXPECT_THAT(read().problems, IsEmpty());
  status += "Package: q\nVersion: 1\n\nPackage: r\nVersion: 1\n\n";
  const FileRecord over = read();
  EXPECT_EQ(over.packages.size(), kMaxPackagesPerFile);
  ASSERT_EQ(over.problems.size(), 1U);
  EXPECT_EQ(over.problems[0].cause, "more than 200000 packages, the rest is not read");
  EXPECT_TRUE(over.problems[0].incomplete);
}

// The oracle is dpkg itself, on the machine the test runs on.
TEST(DpkgStatus, OfThisMachineIsWhatDpkgQueryTells) {
  const auto status = read_file("/var/lib/dpkg/status", 64U << 20U);
  if (!status) GTEST_SKIP() << "no dpkg database on this machine";
  SystemProcessRunner runner;
  std::string output;
  const Command command{.argv = {"dpkg-query", "-W", "-f",
                                 "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t"
                                 "${source:Version}\n"},
                        .environment = current_environment()};
  const auto exit = runner.run(command, Cancel(), [&output](Stream stream, std::string_view text) {
    if (stream == Stream::out) output += text;
  });
  if (!exit) GTEST_SKIP() << "dpkg-query cannot be run: " << exit.error().text();
  std::vector<std::string> expected;
  for (const std::string& line : split(output, '\n'))
    if (line.starts_with("installed\t")) expected.push_back(line.substr(10));
  std::ranges::sort(expected);

  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease).file("var/lib/dpkg/status", *status);
  for (const auto& file : std::filesystem::directory_iterator("/var/lib/dpkg/info"))
    if (file.path().extension() == ".list")
      layer.file(file.path().string().substr(1), read_file(file.path(), 64U << 20U).value());
  const Inventory found = merged(layer);
  std::vector<std::string> actual;
  for (const Package& package : found.packages)
    actual.push_back(package.name + "\t" + package.version + "\t" + package.architecture + "\t" + package.source_name +
                     "\t" + package.source_version);
  std::ranges::sort(actual);
  EXPECT_EQ(actual, expected);
  EXPECT_THAT(problems_of(found), IsEmpty());
}

}  // namespace
}  // namespace scangate
