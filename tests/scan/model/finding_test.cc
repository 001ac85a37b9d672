#include "scan/model/finding.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(SeverityName, ReadsBackAsItself) {
  for (const Severity severity :
       {Severity::unknown, Severity::negligible, Severity::low, Severity::medium, Severity::high, Severity::critical})
    EXPECT_EQ(parse_severity(severity_name(severity)), severity);
}

TEST(ParseSeverity, KnowsTheWordsOfFeedsInAnyCase) {
  EXPECT_EQ(parse_severity("MODERATE"), Severity::medium);
  EXPECT_EQ(parse_severity("Important"), Severity::high);
  EXPECT_EQ(parse_severity(" Critical "), Severity::critical);
  EXPECT_EQ(parse_severity("unimportant"), Severity::negligible);
  EXPECT_EQ(parse_severity("none"), Severity::negligible);
}

TEST(ParseSeverity, RefusesOtherWords) {
  EXPECT_EQ(parse_severity(""), std::nullopt);
  EXPECT_EQ(parse_severity("highest"), std::nullopt);
  EXPECT_EQ(parse_severity("7.5"), std::nullopt);
}

Finding flask_finding() {
  Finding finding;
  finding.id = "CVE-2023-30861";
  finding.package = Package{.type = "pypi", .name = "flask", .version = "2.2.2"};
  return finding;
}

TEST(FindingKey, StaysWhenVersionLayerPlaceAndTextChange) {
  const Finding before = flask_finding();
  Finding after = before;
  after.package->version = "2.2.3";
  after.package->layer = 4;
  after.package->paths = {"usr/lib/python3.11/site-packages/flask-2.2.3.dist-info/METADATA"};
  after.layer = 4;
  after.place = SourcePlace{"Dockerfile", 7};
  after.title = "rewritten";
  after.severity = Severity::high;
  EXPECT_EQ(finding_key(before), finding_key(after));
}

TEST(FindingKey, TellsIdPackageKindAndDetailApart) {
  const Finding finding = flask_finding();
  Finding other = finding;
  other.id = "CVE-2024-1";
  EXPECT_NE(finding_key(finding), finding_key(other));
  other = finding;
  other.package->name = "werkzeug";
  EXPECT_NE(finding_key(finding), finding_key(other));
  other = finding;
  other.package->type = "deb";
  EXPECT_NE(finding_key(finding), finding_key(other));
  other = finding;
  other.kind = FindingKind::package;
  EXPECT_NE(finding_key(finding), finding_key(other));
  other = finding;
  other.detail = "22/tcp";
  EXPECT_NE(finding_key(finding), finding_key(other));
}

TEST(FindingKey, DoesNotMixNeighbouringFields) {
  Finding a;
  a.id = "ab";
  a.detail = "c";
  Finding b;
  b.id = "a";
  b.detail = "bc";
  EXPECT_NE(finding_key(a), finding_key(b));
}

TEST(FindingKey, IsTheSameInEveryRelease) {
  // Reports of earlier pipelines hold it: a change makes every finding new in every merge request.
  EXPECT_EQ(finding_key(flask_finding()), "223faf3b35e64d1884cd2a05ffaa5d3d7143d99b458f83c0384152f899586c5f");
}

TEST(FindingKindName, NamesEachKind) {
  EXPECT_EQ(finding_kind_name(FindingKind::vulnerability), "vulnerability");
  EXPECT_EQ(finding_kind_name(FindingKind::config), "config");
  EXPECT_EQ(finding_kind_name(FindingKind::package), "package");
  EXPECT_EQ(finding_kind_name(FindingKind::file), "file");
  EXPECT_EQ(finding_kind_name(FindingKind::data), "data");
}

}  // namespace
}  // namespace scangate
