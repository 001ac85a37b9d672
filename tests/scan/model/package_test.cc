#include "scan/model/package.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

const OsRelease kDebian{.id = "debian", .version_id = "12", .version_codename = "bookworm"};

TEST(Purl, OfDebPackageHasArchitectureAndDistribution) {
  const Package package{
      .type = "deb", .name_space = "debian", .name = "openssl", .version = "3.0.11-1~deb12u2", .architecture = "amd64"};
  EXPECT_EQ(purl(package, kDebian), "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12");
}

TEST(Purl, EncodesPlusButNotColonOrTilde) {
  const Package package{.type = "deb",
                        .name_space = "debian",
                        .name = "libstdc++6",
                        .version = "1:12.2.0-14+deb12u1~x",
                        .architecture = "amd64"};
  EXPECT_EQ(purl(package, kDebian),
            "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1~x?arch=amd64&distro=debian-12");
}

TEST(Purl, OfNpmScopeEncodesTheAtSign) {
  const Package package{.type = "npm", .name_space = "@babel", .name = "core", .version = "7.1.0"};
  EXPECT_EQ(purl(package, kDebian), "pkg:npm/%40babel/core@7.1.0");
}

TEST(Purl, OfPythonPackageHasNoDistribution) {
  const Package package{.type = "pypi", .name = "flask", .version = "2.2.2"};
  EXPECT_EQ(purl(package, kDebian), "pkg:pypi/flask@2.2.2");
}

TEST(Purl, FallsBackToTheCodenameWhereTestingHasNoVersion) {
  const Package package{.type = "deb", .name_space = "debian", .name = "sed", .version = "4.9-1"};
  EXPECT_EQ(purl(package, OsRelease{.id = "debian", .version_codename = "trixie"}),
            "pkg:deb/debian/sed@4.9-1?distro=debian-trixie");
  EXPECT_EQ(purl(package, OsRelease{.id = "arch"}), "pkg:deb/debian/sed@4.9-1?distro=arch");
  EXPECT_EQ(purl(package, OsRelease{}), "pkg:deb/debian/sed@4.9-1");
}

TEST(Purl, EncodesHostileBytes) {
  const Package package{.type = "npm", .name = "a/b?c#d@e f\xff", .version = "1\n2"};
  EXPECT_EQ(purl(package, {}), "pkg:npm/a%2Fb%3Fc%23d%40e%20f%FF@1%0A2");
}

TEST(IsOsPackage, IsTrueForPackagesOfTheDistribution) {
  EXPECT_TRUE(is_os_package({.type = "deb"}));
  EXPECT_TRUE(is_os_package({.type = "apk"}));
  EXPECT_TRUE(is_os_package({.type = "rpm"}));
  EXPECT_FALSE(is_os_package({.type = "pypi"}));
  EXPECT_FALSE(is_os_package({.type = "npm"}));
}

}  // namespace
}  // namespace scangate
