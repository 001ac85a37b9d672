#include <gmock/gmock.h>

#include "tests/scan/advisory/test_database.h"

namespace scangate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> ids(const AdvisoryDatabase::Match& match) {
  std::vector<std::string> list;
  for (const auto& finding : match.findings)
    list.push_back(finding.id);
  std::sort(list.begin(), list.end());
  return list;
}

constexpr const char* kBelow2 = R"([{"introduced":"0"},{"fixed":"2.0"}])";

TEST(Match, DebianGoesBySourcePackageAndItsVersion) {
  const TestDatabase files(
      {osv("DEBIAN-CVE-2024-1", "Debian:12", "openssl", R"([{"introduced":"0"},{"fixed":"3.0.11-1~deb12u2"}])",
           R"("upstream":["CVE-2024-1"])")});
  const auto database = files.open();
  const auto match = match_all(*database,
                               {deb("libssl3", "3.0.11-1~deb12u1+b1", "openssl", "3.0.11-1~deb12u1"),
                                deb("openssl", "3.0.11-1~deb12u2"), deb("libssl3", "3.0.9-1", "other")},
                               debian_12());
  ASSERT_THAT(match.findings, SizeIs(1));
  const Finding& finding = match.findings[0];
  EXPECT_EQ(finding.id, "CVE-2024-1");
  EXPECT_THAT(finding.aliases, ElementsAre("DEBIAN-CVE-2024-1"));
  EXPECT_EQ(finding.package->name, "libssl3");
  EXPECT_EQ(finding.fix, FixState::fixed);
  EXPECT_THAT(finding.fixed_versions, ElementsAre("3.0.11-1~deb12u2"));
  EXPECT_EQ(finding.remedy, "upgrade libssl3 (source openssl) to 3.0.11-1~deb12u2");
  EXPECT_EQ(finding.severity, Severity::unknown);
  EXPECT_THAT(match.notes, ElementsAre("findings without a severity in the advisory data: 1"));
}

TEST(Match, OtherReleaseIsNoCoverage) {
  const TestDatabase files({osv("DEBIAN-CVE-2024-1", "Debian:12", "openssl", kBelow2)});
  const auto database = files.open();
  OsRelease trixie = debian_12();
  trixie.version_id = "13";
  auto match = match_all(*database, {deb("openssl", "1")}, trixie);
  EXPECT_THAT(match.findings, IsEmpty());
  ASSERT_THAT(match.coverage, SizeIs(1));
  EXPECT_EQ(match.coverage[0].ecosystem, "Debian:13");
  EXPECT_FALSE(match.coverage[0].has_data);
  match = match_all(*database, {deb("openssl", "1")}, debian_12());
  EXPECT_TRUE(match.coverage[0].has_data);
  EXPECT_EQ(match.coverage[0].packages, 1U);
}

TEST(Match, EcosystemWithoutVersionOrderIsNoCoverage) {
  const TestDatabase files({osv("GHSA-aaaa-bbbb-cccc", "Pub", "shelf", kBelow2)});
  const auto database = files.open();
  const auto match = match_all(*database, {language("pub", "shelf", "1.0")});
  EXPECT_THAT(match.findings, IsEmpty());
  ASSERT_THAT(match.coverage, SizeIs(1));
  EXPECT_FALSE(match.coverage[0].has_data);
  EXPECT_EQ(database->sources().at(0).records, 1U);
}

TEST(Match, AliasesBecomeOneFinding) {
  const TestDatabase files(
      {osv("PYSEC-2023-62", "PyPI", "flask",
           R"([{"introduced":"0"},{"fixed":"2.2.5"},{"introduced":"2.3.0"},{"fixed":"2.3.2"}])",
           R"("aliases":["CVE-2023-30861","GHSA-m2qf-hxjv-5gpq"])"),
       osv("GHSA-m2qf-hxjv-5gpq", "PyPI", "Flask", R"([{"introduced":"0"},{"fixed":"2.2.5"}])",
           R"("aliases":["CVE-2023-30861"],"summary":"Session\ncookie   leak","database_specific":{"severity":"HIGH"},
             "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"}],
             "references":[{"type":"WEB","url":"https://example.org/b"},{"type":"ADVISORY","url":"https://example.org/a"}])")});
  const auto database = files.open();
  const auto match = match_all(*database, {language("pypi", "flask", "2.0.1")});
  ASSERT_THAT(match.findings, SizeIs(1));
  const Finding& finding = match.findings[0];
  EXPECT_EQ(finding.id, "CVE-2023-30861");
  EXPECT_THAT(finding.aliases, ElementsAre("GHSA-m2qf-hxjv-5gpq", "PYSEC-2023-62"));
  EXPECT_EQ(finding.severity, Severity::high);
  EXPECT_EQ(finding.severity_source, "GHSA");
  ASSERT_THAT(finding.cvss, SizeIs(1));
  EXPECT_DOUBLE_EQ(finding.cvss[0].score, 5.3);
  EXPECT_EQ(finding.title, "Session cookie leak");
  EXPECT_THAT(finding.references, ElementsAre("https://example.org/a", "https://example.org/b"));
  EXPECT_EQ(finding.remedy, "upgrade flask to 2.2.5");
  EXPECT_THAT(finding.fixed_versions, ElementsAre("2.2.5", "2.3.2"));
}

TEST(Match, FixedVersionSatisfiesEveryRecordOfTheFlaw) {
  const TestDatabase files({osv("GHSA-aaaa-bbbb-cccc", "npm", "left", R"([{"introduced":"0"},{"fixed":"1.2.0"}])",
                                R"("aliases":["CVE-2020-1"])"),
                            osv("x_RETIREJS-left-1", "npm", "left", R"([{"introduced":"0"},{"fixed":"1.3.0"}])",
                                R"("aliases":["CVE-2020-1"])")});
  const auto match = match_all(*files.open(), {language("npm", "left", "1.0.0")});
  ASSERT_THAT(match.findings, SizeIs(1));
  EXPECT_THAT(match.findings[0].fixed_versions, ElementsAre("1.3.0"));
}

TEST(Match, BulletinBecomesOneFindingAFlaw) {
  const TestDatabase files({osv("DSA-5001-1", "Debian:12", "curl", R"([{"introduced":"0"},{"fixed":"8.0-2"}])",
                                R"("upstream":["CVE-2024-1","CVE-2024-2"],"summary":"curl - security update")"),
                            osv("DEBIAN-CVE-2024-2", "Debian:12", "curl", R"([{"introduced":"0"},{"fixed":"8.0-2"}])",
                                R"("upstream":["CVE-2024-2"])"),
                            osv("GHSA-aaaa-bbbb-cccc", "crates.io", "curl-sys", kBelow2,
                                R"("aliases":["CVE-2024-1"],"database_specific":{"severity":"CRITICAL"})")});
  const auto match = match_all(*files.open(), {deb("curl", "8.0-1")}, debian_12());
  EXPECT_THAT(ids(match), ElementsAre("CVE-2024-1", "CVE-2024-2"));
  for (const auto& finding : match.findings) {
    if (finding.id != "CVE-2024-1") continue;
    EXPECT_THAT(finding.aliases, ElementsAre("DSA-5001-1"));
    // Taken from the same CVE's record in another ecosystem.
    EXPECT_EQ(finding.severity, Severity::critical);
    EXPECT_EQ(finding.severity_source, "GHSA");
    EXPECT_EQ(finding.title, "CVE-2024-1 in curl");
  }
}

TEST(Match, OpenFlawHasNoFix) {
  const TestDatabase files(
      {osv("DEBIAN-CVE-2024-3", "Debian:12", "bash", R"([{"introduced":"0"}])"),
       osv("GHSA-aaaa-bbbb-cccc", "npm", "left", R"([{"introduced":"0"},{"last_affected":"1.5.1"}])")});
  auto match = match_all(*files.open(), {deb("bash", "5.2-1"), language("npm", "left", "v1.5.1")}, debian_12());
  ASSERT_THAT(match.findings, SizeIs(2));
  for (const auto& finding : match.findings) {
    const bool is_bash = finding.package->name == "bash";
    EXPECT_EQ(finding.fix, is_bash ? FixState::not_fixed : FixState::unknown);
    EXPECT_EQ(finding.remedy,
              is_bash ? "no fixed version of bash is known yet" : "upgrade left to a version above 1.5.1");
  }
  match = match_all(*files.open(), {language("npm", "left", "1.5.2")});
  EXPECT_THAT(match.findings, IsEmpty());
}

TEST(Match, NpmScopeIsPartOfTheName) {
  const TestDatabase files(
      {osv("GHSA-aaaa-bbbb-cccc", "npm", "@babel/traverse", R"([{"introduced":"0"},{"fixed":"7.23.2"}])")});
  const auto match =
      match_all(*files.open(), {language("npm", "traverse", "7.0.0", "@babel"), language("npm", "traverse", "0.6.0")});
  ASSERT_THAT(match.findings, SizeIs(1));
  EXPECT_EQ(match.findings[0].package->name_space, "@babel");
}

TEST(Match, LanguagePackagesOfTheDistributionAreLeftToIt) {
  const TestDatabase files({osv("PYSEC-1", "PyPI", "numpy", kBelow2)});
  Package numpy = language("pypi", "numpy", "1.0");
  numpy.owned_by = "python3-numpy";
  const auto match = match_all(*files.open(), {numpy});
  EXPECT_THAT(match.findings, IsEmpty());
  EXPECT_THAT(match.coverage, IsEmpty());
  EXPECT_THAT(
      match.notes,
      ElementsAre(
          "language packages that belong to packages of the distribution and are judged by its advisories alone: 1"));
}

TEST(Match, UnorderableVersionIsTold) {
  const TestDatabase files({osv("PYSEC-1", "PyPI", "thing", kBelow2)});
  const auto match =
      match_all(*files.open(), {language("pypi", "thing", "french toast"), language("pypi", "other", "x")});
  ASSERT_THAT(match.findings, SizeIs(1));
  EXPECT_EQ(match.findings[0].kind, FindingKind::data);
  EXPECT_EQ(match.findings[0].id, "version-not-comparable");
  EXPECT_EQ(match.findings[0].title, "the version 'french toast' of thing cannot be compared with its advisories");
}

TEST(Match, MalwareIsCritical) {
  const TestDatabase files({osv("MAL-2024-1", "npm", "evil", R"([{"introduced":"0"}])")});
  const auto match = match_all(*files.open(), {language("npm", "evil", "1.0.0")});
  ASSERT_THAT(match.findings, SizeIs(1));
  EXPECT_EQ(match.findings[0].severity, Severity::critical);
  EXPECT_EQ(match.findings[0].severity_source, "malware");
  EXPECT_EQ(match.findings[0].remedy, "remove evil: this release is malware");
}

TEST(Match, DistributionWordsCount) {
  const std::string affected = R"({"id":"DEBIAN-CVE-2024-9","modified":"2026-01-01T00:00:00Z","affected":[{"package":
    {"ecosystem":"Debian:12","name":"tar"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}],
    "ecosystem_specific":{"urgency":"unimportant"}}]})";
  const TestDatabase files({affected, osv("UBUNTU-CVE-2024-9", "Ubuntu:22.04:LTS", "tar", R"([{"introduced":"0"}])",
                                          R"("severity":[{"type":"Ubuntu","score":"low"},
                                          {"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}])")});
  const auto database = files.open();
  auto match = match_all(*database, {deb("tar", "1")}, debian_12());
  ASSERT_THAT(match.findings, SizeIs(1));
  EXPECT_EQ(match.findings[0].severity, Severity::negligible);
  EXPECT_EQ(match.findings[0].severity_source, "Debian");
  const OsRelease jammy{
      .id = "ubuntu", .version_id = "22.04", .version_codename = {}, .pretty_name = {}, .id_like = {}};
  match = match_all(*database, {deb("tar", "1")}, jammy);
  ASSERT_THAT(match.findings, SizeIs(1));
  EXPECT_EQ(match.findings[0].severity, Severity::low);
  EXPECT_EQ(match.findings[0].severity_source, "Ubuntu");
}

TEST(EcosystemOf, NamesReleasesPrecisely) {
  struct Row {
    const char* id;
    const char* version;
    const char* codename;
    const char* type;
    const char* expected;
  };
  for (const Row& row : {
           Row{"debian", "12", "bookworm", "deb", "Debian:12"},
           Row{"debian", "12.4", "", "deb", "Debian:12"},
           Row{"debian", "", "trixie", "deb", "Debian:13"},
           Row{"debian", "", "sid", "deb", "Debian:sid"},
           Row{"debian", "", "", "deb", "Debian:unknown release"},
           Row{"ubuntu", "22.04", "jammy", "deb", "Ubuntu:22.04:LTS"},
           Row{"ubuntu", "23.04", "lunar", "deb", "Ubuntu:23.04"},
           Row{"ubuntu", "24.10", "oracular", "deb", "Ubuntu:24.10"},
           Row{"alpine", "3.19.1", "", "apk", "Alpine:v3.19"},
           Row{"alpine", "3.21.0_alpha20240923", "", "apk", "Alpine:edge"},
           Row{"wolfi", "20230201", "", "apk", "Wolfi"},
           Row{"rocky", "9.3", "", "rpm", "Rocky Linux:9"},
           Row{"raspbian", "12", "bookworm", "deb", "raspbian:12"},
       }) {
    Package package;
    package.type = row.type;
    const OsRelease os{
        .id = row.id, .version_id = row.version, .version_codename = row.codename, .pretty_name = {}, .id_like = {}};
    EXPECT_EQ(ecosystem_of(package, os), row.expected) << row.id << " " << row.version;
  }
  EXPECT_EQ(ecosystem_of(deb("a", "1"), std::nullopt), "unknown distribution");
  EXPECT_EQ(ecosystem_of(language("pypi", "a", "1"), debian_12()), "PyPI");
  EXPECT_EQ(ecosystem_of(language("generic", "a", "1"), debian_12()), std::nullopt);
}

}  // namespace
}  // namespace scangate
