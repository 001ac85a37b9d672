#include "scan/advisory/version.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace scangate {
namespace {

// Each list is in ascending order; all pairs are compared both ways.
void expect_ascending(VersionScheme scheme, const std::vector<std::string>& versions) {
  for (std::size_t i = 0; i < versions.size(); ++i) {
    for (std::size_t k = 0; k < versions.size(); ++k) {
      const int expected = i < k ? -1 : i > k ? 1 : 0;
      EXPECT_EQ(compare_versions(scheme, versions[i], versions[k]), expected) << versions[i] << " and " << versions[k];
    }
  }
}

void expect_equal(VersionScheme scheme, const std::vector<std::vector<std::string>>& groups) {
  for (const auto& group : groups) {
    for (const auto& version : group) {
      EXPECT_EQ(compare_versions(scheme, group.front(), version), 0) << group.front() << " and " << version;
    }
  }
}

void expect_refused(VersionScheme scheme, std::string_view good, const std::vector<std::string>& versions) {
  for (const auto& version : versions) {
    EXPECT_EQ(compare_versions(scheme, version, good), std::nullopt) << version;
    EXPECT_EQ(compare_versions(scheme, good, version), std::nullopt) << version;
  }
}

TEST(VersionScheme, NamesAreKnown) {
  EXPECT_EQ(parse_version_scheme("dpkg"), VersionScheme::dpkg);
  EXPECT_EQ(parse_version_scheme("pep440"), VersionScheme::pep440);
  EXPECT_EQ(parse_version_scheme("npm"), VersionScheme::npm);
  EXPECT_EQ(parse_version_scheme("composer"), VersionScheme::packagist);
  EXPECT_EQ(parse_version_scheme("hex"), VersionScheme::semver);
  EXPECT_EQ(parse_version_scheme("cobol"), std::nullopt);
}

TEST(DpkgVersion, TildeEndLettersThenTheRest) {
  expect_ascending(VersionScheme::dpkg,
                   {"1.0~~", "1.0~~a", "1.0~", "1.0~rc1-1", "1.0-1~deb12u1", "1.0-1", "1.0-1+b1", "1.0-1+deb12u2",
                    "1.0-1+deb12u10", "1.0a-1", "1.0+b1", "1.0.1-1", "1:0.9-1", "2:0~", "10:0"});
}

TEST(DpkgVersion, MissingEpochAndRevisionCountAsNothing) {
  expect_equal(VersionScheme::dpkg, {{"1.0", "0:1.0", "00:1.0", "1.00"}, {"1.0-0", "1.0-00", "1.0"}});
}

TEST(DpkgVersion, DigitsOfAnyLength) {
  expect_ascending(VersionScheme::dpkg,
                   {"1.99999999999999999999999998", "1.99999999999999999999999999", "1.100000000000000000000000000"});
}

TEST(DpkgVersion, RefusesWhatDpkgRefuses) {
  expect_refused(VersionScheme::dpkg, "1", {"", "1:", ":1", "a:1", "1.0-", "1 2", "-1"});
}

TEST(ApkVersion, SuffixesLettersAndRevisions) {
  expect_ascending(
      VersionScheme::apk,
      {"0.1.0_alpha_pre2", "0.1.0_alpha", "0.1.0_alpha2", "0.1.0_beta", "0.1.0_pre1", "0.1.0_rc1-r3",      "0.1.0",
       "0.1.0-r0",         "0.1.0-r1",    "0.1.0-r10",    "0.1.0_cvs1", "0.1.0_svn",  "0.1.0_git20200101", "0.1.0_hg",
       "0.1.0_p1",         "0.1.0_p10",   "0.1.0b",       "0.1.0c-r1",  "0.1.0.1",    "0.1.3_alpha"});
}

TEST(ApkVersion, LeadingZeroIsAFractionExceptInTheFirstPart) {
  expect_ascending(VersionScheme::apk, {"1.01", "1.02.07", "1.02.10-r1", "1.06", "1.1", "1.10", "013", "014-r1"});
  expect_equal(VersionScheme::apk, {{"006", "6"}});
}

TEST(ApkVersion, LongDates) {
  expect_ascending(VersionScheme::apk,
                   {"1.0.0_pre20191002222144-r0", "1.0.0_pre20210530193627-r0", "1.0.0", "1.0.1~abc", "1.0.1~abd"});
}

TEST(ApkVersion, RefusesOtherForms) {
  expect_refused(VersionScheme::apk, "1.0",
                 {"", "a", "1.", "1..0", "1.0bc", "23_foo", "1.0-1", "1.0-r", "1.0_", "1.0~", "1.0~g", "1:1.0", "1.0 ",
                  "1.0-r1-r2", "1.0b.1"});
}

TEST(RpmVersion, SegmentsTildeAndCaret) {
  expect_ascending(VersionScheme::rpm, {"1.0~rc1-1", "1.0~rc1^git1-1", "1.0-1", "1.0-1.el8", "1.0-1.el8_6", "1.0-2",
                                        "1.0^-1", "1.0^20210501-1", "1.0.a-1", "1.0.1-1", "1.1-1", "10-1", "1:0.1-1"});
}

TEST(RpmVersion, SeparatorsDoNotCount) {
  expect_equal(VersionScheme::rpm, {{"2.0.1", "2_0_1", "2.0.01", "0:2.0.1"}, {"1.0a", "1.0.a"}});
  expect_refused(VersionScheme::rpm, "1", {"", "a:1", "1 2", "-1"});
}

TEST(Pep440Version, SpecificationOrder) {
  expect_ascending(VersionScheme::pep440, {"1.0.dev456",    "1.0a1",         "1.0a2.dev456", "1.0a12.dev456",
                                           "1.0a12",        "1.0b1.dev456",  "1.0b2",        "1.0b2.post345.dev456",
                                           "1.0b2.post345", "1.0rc1.dev456", "1.0rc1",       "1.0",
                                           "1.0+abc.5",     "1.0+abc.7",     "1.0+5",        "1.0.post456.dev34",
                                           "1.0.post456",   "1.1.dev1",      "1.1",          "1!0.1"});
}

TEST(Pep440Version, SpellingsOfOneVersion) {
  expect_equal(VersionScheme::pep440, {{"1.0", "1", "1.0.0", "v1.0", " 1.0 ", "0!1.0", "01.00"},
                                       {"1.0a0", "1.0-alpha", "1.0_A.0", "1.0a."},
                                       {"1.0rc1", "1.0c1", "1.0-preview1", "1.0.PRE.1"},
                                       {"1.0.post1", "1.0-1", "1.0rev1", "1.0.r1"},
                                       {"1.0+ubuntu.1", "1.0+Ubuntu-01"}});
  expect_refused(VersionScheme::pep440, "1", {"", "french toast", "1.0+", "1.0+a..b", "1.0-", "1.0.x", "1!", "==1.0"});
}

TEST(SemVer, SpecificationOrder) {
  expect_ascending(VersionScheme::semver, {"1.0.0-0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
                                           "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0",
                                           "1.10.0", "2.0.0", "18446744073709551616.0.0"});
  expect_equal(VersionScheme::semver, {{"1.0.0", "1.0.0+build", "1.0", "1"}, {"1.0.0-a-b", "1.0.0-a-b+x.-"}});
  expect_refused(
      VersionScheme::semver, "1.0.0",
      {"", "v1.0.0", "01.0.0", "1.0.0.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.0+", "1.0.0-a_b", "1.", "x"});
}

TEST(NpmVersion, LeadingVAllowed) {
  expect_equal(VersionScheme::npm, {{"1.2.3", "v1.2.3", "=v1.2.3", " 1.2.3 "}});
  expect_ascending(VersionScheme::npm, {"v1.2.3-rc.1", "1.2.3"});
}

TEST(GoVersion, ModulesPseudoVersionsAndToolchains) {
  expect_ascending(VersionScheme::go,
                   {"v0.0.0-20190101000000-abcdef123456", "v0.0.0-20200101000000-abcdef123456", "v0.1.0", "1.20.14",
                    "1.21.0-0", "go1.21rc2", "go1.21rc10", "go1.21.0", "v1.21.3", "v2.0.0+incompatible"});
  expect_equal(VersionScheme::go, {{"v1.2.3", "1.2.3", "go1.2.3"},
                                   {"v2.0.0+incompatible", "v2.0.0"},
                                   {"go1.21rc2", "1.21.0-rc.2"},
                                   {"go1.21", "1.21.0"}});
  expect_refused(VersionScheme::go, "v1.0.0", {"(devel)", "", "v", "latest"});
}

TEST(GemVersion, PrereleasesAndZeros) {
  expect_ascending(VersionScheme::gem, {"0.9", "1.0.a", "1.0.a.2", "1.0.b1", "1.0.b2", "1.0.rc1", "1.0", "1.0.1.pre",
                                        "1.0.1", "1.0.1.1", "1.0.10", "1.1.a", "2"});
  expect_equal(
      VersionScheme::gem,
      {{"1", "1.0", "1.0.0", "01.0"}, {"1.0.b1", "1.b1", "1.0.b.1"}, {"1.0-1", "1.0.pre.1"}, {"0", "", "0.0"}});
  expect_refused(VersionScheme::gem, "1.0", {"a", "1..0", "1.0.", "1.0-", "1,0", "x1"});
}

TEST(MavenVersion, QualifiersNumbersAndHyphens) {
  expect_ascending(VersionScheme::maven,
                   {"1-alpha", "1-alpha-1", "1-alpha2", "1-beta", "1-milestone", "1-rc",   "1-rc2",   "1-snapshot",
                    "1",       "1-sp",      "1-sp-1",   "1-abc",  "1-foo",       "1-foo2", "1-foo10", "1-1",
                    "1-1.1",   "1.1-alpha", "1.1",      "1.1.1",  "1.2",         "1.10",   "2"});
  expect_equal(VersionScheme::maven,
               {{"1", "1.0", "1.0.0", "1-ga", "1.ga", "1-final", "1.final", "1.0-release", "1-0", "1-", "1."},
                {"1-a1", "1-alpha-1", "1.0a1", "1.0.0-alpha-1", "1A1"},
                {"1-b2", "1-beta-2"},
                {"1-cr1", "1-rc1", "1-RC-1"},
                {"1.foo", "1-foo", "1.0.0-foo.0.0"},
                {"1-ga-1", "1-1"},
                {"1-1.foo-bar1baz-.1", "1-1.foo-bar-1-baz-0.1"}});
  // Real ones, as advisories write them.
  expect_ascending(VersionScheme::maven, {"2.0-beta9", "2.0-rc1", "2.3.2", "2.12.2", "2.12.4", "2.13.0", "2.15.0",
                                          "2.17.1", "3.0.0-alpha1", "3.0.0"});
  expect_ascending(VersionScheme::maven, {"5.3.17.RELEASE", "5.3.18", "5.3.20"});
  expect_ascending(VersionScheme::maven, {"9.4.0.v20180619", "9.4.41.v20210516", "10.0.0"});
  expect_refused(VersionScheme::maven, "1", {""});
}

TEST(PackagistVersion, StabilitiesAsComposerHasThem) {
  expect_ascending(VersionScheme::packagist,
                   {"1.0.0-dev", "1.0.0-alpha", "1.0.0-alpha1", "1.0.0-alpha2", "1.0-beta", "1.0.0-beta2",
                    "1.0.0-beta2.1", "1.0.0-RC1", "1.0.0-RC2-dev", "1.0.0-RC2", "1.0.0", "1.0.0-p1", "1.0.0-patch2",
                    "1.0.0.2", "1.0.1", "1.0.10", "1.1", "2"});
  expect_equal(VersionScheme::packagist, {{"v1.0", "1.0.0", "1", "1.0.0.0", "1.0.0+build", "1.0.0-stable"},
                                          {"1.0b2", "1.0.0-beta2", "1.0-b.2"},
                                          {"1.0RC1", "1.0.0-rc1"},
                                          {"1.0-pl2", "1.0-patch2", "1.0p2"}});
  expect_refused(VersionScheme::packagist, "1.0", {"dev-main", "", "master", "1.x-dev", "1.0-foo"});
}

TEST(NugetVersion, FourNumbersAndLettersWithoutCase) {
  expect_ascending(VersionScheme::nuget, {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-ALPHA.beta", "1.0.0-beta",
                                          "1.0.0-rc.1", "1.0", "1.0.0.1", "1.0.1", "1.10", "2"});
  expect_equal(VersionScheme::nuget,
               {{"1", "1.0", "1.0.0", "1.0.0.0", "01.0", "1.0.0+build"}, {"1.0.0-Beta", "1.0.0-beta"}});
  expect_refused(VersionScheme::nuget, "1.0", {"", "v1", "1.0.0.0.0", "1.0-", "1.0-a..b", "1.a"});
}

TEST(CranVersion, HyphensAreDotsAndLongerIsLater) {
  expect_ascending(VersionScheme::cran, {"0.9", "1.0", "1.0-0", "1.0-1", "1.0.2", "1.0.10", "1.2", "10.0"});
  expect_equal(VersionScheme::cran, {{"1.0.2", "1.0-2", "1.00.2"}});
  expect_refused(VersionScheme::cran, "1.0", {"", "1.", ".1", "1..0", "1.0a"});
}

}  // namespace
}  // namespace scangate
