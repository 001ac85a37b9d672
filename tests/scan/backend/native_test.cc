#include <gmock/gmock.h>

#include "scan/backend/backend.h"
#include "tests/scan/advisory/test_database.h"

namespace scangate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const FixedClock kNow(*parse_time("2026-11-22T12:00:00Z"));

// A base layer with openssl, an own layer with flask.
ScanInput input() {
  ScanInput input;
  input.image.name = "registry.example/app:1";
  input.image.dockerfile = "Dockerfile";
  input.image.config.user = "app";
  input.image.config.has_healthcheck = true;
  input.image.layers.resize(2);
  input.image.layers[0].is_base = true;
  input.image.layers[0].place = SourcePlace{"Dockerfile", 1};
  input.image.layers[1].place = SourcePlace{"Dockerfile", 5};
  input.inventory.os = debian_12();
  input.inventory.packages = {deb("openssl", "3.0.1-1"), language("pypi", "flask", "2.0")};
  input.inventory.packages[1].layer = 1;
  return input;
}

std::vector<std::string> documents() {
  return {osv("DEBIAN-CVE-2024-1", "Debian:12", "openssl", R"([{"introduced":"0"},{"fixed":"3.0.2-1"}])"),
          osv("GHSA-aaaa-bbbb-cccc", "PyPI", "flask", R"([{"introduced":"0"},{"fixed":"2.2.5"}])",
              R"("aliases":["CVE-2023-30861"],"database_specific":{"severity":"HIGH"})")};
}

TEST(NativeScan, FillsPlaceLayerAndBase) {
  const TestDatabase files(documents());
  const auto database = files.open();
  const ScanResult result = scan_native(input(), database.get(), "", Policy::builtin_default(), kNow);
  std::vector<const Finding*> findings;
  for (const auto& finding : result.findings) {
    if (finding.kind == FindingKind::vulnerability) findings.push_back(&finding);
  }
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0]->id, "CVE-2023-30861");
  EXPECT_FALSE(findings[0]->in_base);
  EXPECT_EQ(findings[0]->place, (SourcePlace{"Dockerfile", 5}));
  EXPECT_EQ(findings[1]->id, "DEBIAN-CVE-2024-1");
  EXPECT_TRUE(findings[1]->in_base);
  EXPECT_EQ(findings[1]->place, (SourcePlace{"Dockerfile", 1}));
  EXPECT_EQ(findings[1]->layer, 0U);
  EXPECT_EQ(result.verdict.outcome, Outcome::stop);
  EXPECT_EQ(result.verdict.decisions.size(), result.findings.size());
  EXPECT_EQ(result.data.size(), 2U);
  EXPECT_EQ(result.started, kNow.now());
}

TEST(NativeScan, SortsWorstFirst) {
  const TestDatabase files(documents());
  const auto database = files.open();
  ScanInput more = input();
  more.image.config.exposed_ports = {"22/tcp"};
  const ScanResult result = scan_native(more, database.get(), "", Policy::builtin_default(), kNow);
  EXPECT_TRUE(std::is_sorted(result.findings.begin(), result.findings.end(),
                             [](const Finding& a, const Finding& b) { return a.severity > b.severity; }));
}

TEST(NativeScan, WithoutDatabaseIsUndecided) {
  const ScanResult result =
      scan_native(input(), nullptr, "/var/db: there is no advisory database", Policy::builtin_default(), kNow);
  EXPECT_EQ(result.verdict.outcome, Outcome::undecided);
  EXPECT_THAT(result.verdict.reasons,
              ElementsAre("/var/db: there is no advisory database", "no advisory data for Debian:12 (packages: 1)",
                          "no advisory data for PyPI (packages: 1)"));
}

TEST(NativeScan, WithoutDatabaseAnEmptyImageIsUndecidedToo) {
  ScanInput empty;
  empty.image.config.user = "1000";
  ScanResult result = scan_native(empty, nullptr, "", Policy::builtin_default(), kNow);
  EXPECT_EQ(result.verdict.outcome, Outcome::undecided);
  EXPECT_THAT(result.verdict.reasons, ElementsAre("there is no advisory database"));

  const TestDatabase files(documents());
  const auto database = files.open();
  result = scan_native(empty, database.get(), "", Policy::builtin_default(), kNow);
  EXPECT_EQ(result.verdict.outcome, Outcome::pass);
  EXPECT_THAT(result.verdict.reasons, IsEmpty());
  EXPECT_THAT(result.notes, ElementsAre("the image holds no packages: there was nothing to compare with advisories"));
}

TEST(NativeScan, DeniedPackagesBecomeFindings) {
  const TestDatabase files(documents());
  const auto database = files.open();
  const auto policy = Policy::parse("rules: [{name: no-flask, action: stop, when: {installed: flask}}]", "p.yaml");
  ASSERT_TRUE(policy);
  const ScanResult result = scan_native(input(), database.get(), "", *policy, kNow);
  EXPECT_EQ(result.verdict.outcome, Outcome::stop);
  EXPECT_THAT(result.verdict.reasons, ElementsAre("no-flask: installed flask: denied-package in flask"));
}

TEST(NativeScan, LayerBeyondTheImageIsNoPlace) {
  const TestDatabase files(documents());
  const auto database = files.open();
  ScanInput odd = input();
  odd.inventory.packages[1].layer = 7;
  const ScanResult result = scan_native(odd, database.get(), "", Policy::builtin_default(), kNow);
  EXPECT_FALSE(result.findings[0].layer);
  EXPECT_FALSE(result.findings[0].place);
}

}  // namespace
}  // namespace scangate
