#include "scan/report/report.h"

#include <gmock/gmock.h>

#include "base/json/json.h"
#include "tests/scan/report/sample_result.h"

namespace scangate {
namespace {

using testing::HasSubstr;
using testing::Not;

nlohmann::json parse(const std::string& text) {
  auto json = parse_json(text, "report");
  EXPECT_TRUE(json) << json.error().text();
  return json ? *json : nlohmann::json();
}

nlohmann::json render(ReportFormat format, const std::vector<ScanResult>& results) {
  ReportOptions options;
  options.tool_version = "1.2.3";
  return parse(render_report(format, results, options));
}

TEST(ReportFormat, NamesAndFiles) {
  for (const char* name : {"table", "json", "junit", "gitlab", "codequality"}) {
    const auto format = parse_report_format(name);
    ASSERT_TRUE(format) << name;
    EXPECT_EQ(report_format_name(*format), name);
  }
  EXPECT_FALSE(parse_report_format("html"));
  EXPECT_EQ(report_file(ReportFormat::gitlab).name, "gl-container-scanning-report.json");
  EXPECT_EQ(report_file(ReportFormat::junit).artifact_format, "gzip");
  EXPECT_EQ(report_file(ReportFormat::codequality).artifact_type, "codequality");
  EXPECT_EQ(report_file(ReportFormat::table).artifact_type, "");
}

TEST(VerdictLine, OneForEachOutcome) {
  ScanResult result = sample_result();
  EXPECT_EQ(
      verdict_line(result),
      "STOP  127.0.0.1:5000/group/app:1: 2 rules stopped it: stop-fixable-high (1 finding), stop-ssh-port (1 finding)");
  result.verdict.outcome = Outcome::warn;
  EXPECT_EQ(verdict_line(result), "WARN  127.0.0.1:5000/group/app:1: 1 rule warned: warn-unknown-severity (1 finding)");
  result.verdict.outcome = Outcome::undecided;
  result.verdict.reasons = {"no advisory data for Debian:13 (packages: 85)"};
  EXPECT_EQ(
      verdict_line(result),
      "UNDECIDED 127.0.0.1:5000/group/app:1: could not be decided: no advisory data for Debian:13 (packages: 85)");
  result.verdict.outcome = Outcome::pass;
  EXPECT_EQ(verdict_line(result),
            "PASS  127.0.0.1:5000/group/app:1: 2 packages, 3 findings, none of them held back by policy default");
}

TEST(Table, ShowsFindingsChecksAndVerdict) {
  ReportOptions options;
  options.width = 120;
  EXPECT_EQ(render_report(ReportFormat::table, {sample_result()}, options),
            R"(127.0.0.1:5000/group/app:1
  Debian GNU/Linux 12 (bookworm); 2 packages, 1 deb, 1 pypi

Vulnerabilities: 1 high, 1 unknown; 1 from the base image, 1 from own layers
  POLICY  SEVERITY  ID              PACKAGE  INSTALLED    FIXED     WHERE
  stop    high      CVE-2023-30861  flask    2.0.1        2.2.5     ./docker/Dockerfile:7
  warn    unknown   CVE-2024-2      bash     5.2.15-2+b2  none yet  base debian:bookworm

Image checks: 1 medium; 0 from the base image, 1 from own layers
  POLICY  SEVERITY  CHECK         FINDING                       WHERE                REMEDY
  stop    medium    exposed-port  Port 22/tcp (SSH) is exposed  docker/Dockerfile:9  remove EXPOSE 22/tcp in
                                                                                     docker/Dockerfile:9

Note: findings without a severity in the advisory data: 1

STOP  127.0.0.1:5000/group/app:1: 2 rules stopped it: stop-fixable-high (1 finding), stop-ssh-port (1 finding)
  - stop-fixable-high: fixable: CVE-2023-30861 in flask
  - stop-ssh-port: port 22 is exposed: exposed-port (22/tcp)
  - warn-unknown-severity: not rated: CVE-2024-2 in bash
)");
}

TEST(Table, KeepsItsWidthAndColours) {
  ReportOptions options;
  options.width = 80;
  ScanResult result = sample_result();
  result.findings[0].package->version = std::string(300, '9');
  const std::string plain = render_report(ReportFormat::table, {result}, options);
  std::size_t widest = 0;
  bool in_grid = false;
  for (std::size_t at = 0; at < plain.size();) {
    const auto end = plain.find('\n', at);
    const std::string line = plain.substr(at, end - at);
    in_grid = line.starts_with("  POLICY") || (in_grid && !line.empty());
    if (in_grid) widest = std::max(widest, line.size());
    at = end + 1;
  }
  EXPECT_LE(widest, 80U) << plain;
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  options.colour = Colour::always;
  EXPECT_THAT(render_report(ReportFormat::table, {result}, options), HasSubstr("\x1b[31mhigh\x1b[0m"));
}

TEST(Table, LeavesOutWhatThePolicyLetsPass) {
  const std::string text = render_report(ReportFormat::table, {large_result(100)}, {});
  EXPECT_THAT(text, HasSubstr("… and 60 more that the policy lets pass (--format json lists them)"));
}

TEST(Table, ControlCharactersDoNotReachTheTerminal) {
  const std::string text = render_report(ReportFormat::table, {hostile_result()}, {});
  for (const char c : text)
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= ' ') << static_cast<int>(c);
  EXPECT_LT(text.size(), 200'000U);
}

TEST(GitlabReport, CarriesIdentityAndPlace) {
  const auto report = render(ReportFormat::gitlab, {sample_result()});
  EXPECT_EQ(report["version"], "15.0.7");
  EXPECT_EQ(report["scan"]["start_time"], "2026-11-22T10:00:00");
  EXPECT_EQ(report["scan"]["end_time"], "2026-11-22T10:00:02");
  EXPECT_EQ(report["scan"]["status"], "success");
  ASSERT_EQ(report["vulnerabilities"].size(), 2U);
  const auto& flask = report["vulnerabilities"][0];
  EXPECT_EQ(flask["severity"], "High");
  EXPECT_EQ(flask["solution"], "upgrade flask to 2.2.5");
  EXPECT_EQ(flask["identifiers"][0]["type"], "cve");
  EXPECT_EQ(flask["identifiers"][0]["value"], "CVE-2023-30861");
  EXPECT_EQ(flask["identifiers"][1]["url"], "https://github.com/advisories/GHSA-m2qf-hxjv-5gpq");
  EXPECT_FALSE(flask["identifiers"][2].contains("url"));
  EXPECT_EQ(flask["location"]["image"], "127.0.0.1:5000/group/app:1");
  EXPECT_EQ(flask["location"]["operating_system"], "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(flask["location"]["dependency"]["package"]["name"], "flask");
  // A vector of version 4 would make GitLab refuse everything.
  ASSERT_EQ(flask["cvss_vectors"].size(), 1U);
  ASSERT_EQ(flask["links"].size(), 1U);
  EXPECT_EQ(report["vulnerabilities"][1]["severity"], "Unknown");
  EXPECT_FALSE(report["vulnerabilities"][1].contains("cvss_vectors"));
  EXPECT_NE(flask["id"], report["vulnerabilities"][1]["id"]);
}

TEST(GitlabReport, ImageAlwaysHasATag) {
  struct Row {
    const char* name;
    const char* image;
  };
  for (const Row& row : {Row{"app", "app:latest"}, Row{"host:5000/a/b", "host:5000/a/b:latest"},
                         Row{"host:5000/a/b:2", "host:5000/a/b:2"}, Row{"a/b@sha256:00", "a/b:latest"},
                         Row{"a/b:3@sha256:00", "a/b:3"}, Row{"oci:/tmp/x/app:4", "app:4"},
                         Row{"docker-archive:/tmp/app.tar", "app.tar:latest"}, Row{"", "image:latest"}}) {
    ScanResult result = sample_result();
    result.image.name = row.name;
    const auto report = render(ReportFormat::gitlab, {result});
    EXPECT_EQ(report["vulnerabilities"][0]["location"]["image"], row.image) << row.name;
  }
}

TEST(GitlabReport, UndecidedIsAFailedScanWithTheReason) {
  ScanResult result = sample_result();
  result.verdict.outcome = Outcome::undecided;
  const auto report = render(ReportFormat::gitlab, {result});
  EXPECT_EQ(report["scan"]["status"], "failure");
  EXPECT_EQ(report["scan"]["messages"][0]["level"], "fatal");
}

TEST(CodeQuality, FingerprintsOutliveVersionTagAndLine) {
  ScanResult before = sample_result();
  ScanResult after = before;
  after.image.name = "other.host/group/app:2";
  after.findings[0].package->version = "2.0.2";
  after.findings[0].place->line = 12;
  const auto one = render(ReportFormat::codequality, {before});
  const auto two = render(ReportFormat::codequality, {after});
  ASSERT_EQ(one.size(), 3U);
  for (std::size_t i = 0; i < one.size(); ++i)
    EXPECT_EQ(one[i]["fingerprint"], two[i]["fingerprint"]);
  EXPECT_EQ(one[0]["location"]["path"], "docker/Dockerfile");
  EXPECT_EQ(one[0]["location"]["lines"]["begin"], 7);
  EXPECT_EQ(one[0]["severity"], "critical");
  EXPECT_EQ(one[0]["check_name"], "CVE-2023-30861");
  EXPECT_EQ(one[0]["description"],
            "CVE-2023-30861 (high) in flask 2.0.1 of group/app: CVE-2023-30861 title; upgrade flask to 2.2.5");
  EXPECT_EQ(one[2]["location"]["lines"]["begin"], 1);
  EXPECT_EQ(one[0]["categories"], nlohmann::json::array({"Security"}));
}

TEST(CodeQuality, LeavesOutExceptedAndRepeatedFindings) {
  ScanResult result = sample_result();
  result.verdict.decisions[1] = {Action::ignore, "exception exposed-port", "wanted"};
  result.findings.push_back(result.findings[0]);
  result.findings.back().package->version = "1.0";
  result.verdict.decisions.push_back(result.verdict.decisions[0]);
  EXPECT_EQ(render(ReportFormat::codequality, {result}).size(), 2U);
  EXPECT_EQ(render_report(ReportFormat::codequality, {}, {}), "[]\n");
}

TEST(CodeQuality, StopsAtItsCap) {
  EXPECT_EQ(render(ReportFormat::codequality, {large_result(10'001)}).size(), 10'000U);
}

TEST(JunitReport, FailuresSkippedAndPassingCases) {
  ReportOptions options;
  options.rules = {"stop-fixable-high", "warn-root-user"};
  const std::string xml = render_report(ReportFormat::junit, {sample_result()}, options);
  EXPECT_THAT(xml, HasSubstr(R"(<testcase classname="group/app.vulnerability" name="CVE-2023-30861 flask" )"
                             R"(file="docker/Dockerfile" time="0">
      <failure>CVE-2023-30861 title

severity   high (GHSA)
package    flask 2.0.1
fixed in   2.2.5
where      ./docker/Dockerfile:7
remedy     upgrade flask to 2.2.5
policy     stop by stop-fixable-high: fixable
also       GHSA-m2qf-hxjv-5gpq x_SAMPLE-1
see        https://example.org/a</failure>)"));
  EXPECT_THAT(xml, HasSubstr(R"(name="CVE-2024-2 bash" file="docker/Dockerfile" time="0">
      <skipped>)"));
  EXPECT_THAT(
      xml, HasSubstr(R"(<testcase classname="group/app.policy" name="warn-root-user" file="Dockerfile" time="0"/>)"));
  EXPECT_THAT(
      xml,
      HasSubstr(
          R"(<testcase classname="group/app.scan" name="the scan could decide" file="docker/Dockerfile" time="0"/>)"));
  EXPECT_THAT(
      xml,
      HasSubstr(R"(<testcase classname="group/app.policy" name="stop-fixable-high" file="docker/Dockerfile" time="0">
      <failure>fixable

findings: 1
CVE-2023-30861 flask</failure>)"));
  // GitLab's converter may take it for a cast.
  EXPECT_THAT(xml, Not(HasSubstr(" type=")));
}

TEST(JunitReport, OneCaseAKey) {
  ScanResult result = sample_result();
  result.findings.push_back(result.findings[0]);
  result.findings.back().package->version = "1.0";
  result.verdict.decisions.push_back({Action::ignore, "", ""});
  const std::string xml = render_report(ReportFormat::junit, {result}, {});
  const std::string name = "name=\"CVE-2023-30861 flask\"";
  EXPECT_EQ(xml.find(name), xml.rfind(name));
  EXPECT_THAT(xml, HasSubstr(name + " file=\"docker/Dockerfile\" time=\"0\">\n      <failure>"));
}

TEST(JunitReport, UndecidedIsAnError) {
  ScanResult result = sample_result();
  result.verdict.outcome = Outcome::undecided;
  result.verdict.reasons = {"no advisory data for Debian:13 (packages: 85)"};
  EXPECT_THAT(render_report(ReportFormat::junit, {result}, {}),
              HasSubstr("<error>no advisory data for Debian:13 (packages: 85)\n</error>"));
}

TEST(JunitReport, StopsAtItsCap) {
  const std::string xml = render_report(ReportFormat::junit, {large_result(10'001)}, {});
  EXPECT_THAT(xml, HasSubstr("<skipped>1 more findings; the JSON report has them all</skipped>"));
  EXPECT_THAT(render_report(ReportFormat::junit, {large_result(10'000)}, {}), Not(HasSubstr("more findings")));
}

TEST(Reports, ImagesOfOneRepositoryAreKeptApart) {
  ScanResult one = sample_result();
  ScanResult two = sample_result();
  two.image.name = "127.0.0.1:5000/group/app:alpine";
  const auto entries = render(ReportFormat::codequality, {one, two});
  EXPECT_EQ(entries.size(), 6U);
  const std::string xml = render_report(ReportFormat::junit, {one, two}, {});
  EXPECT_THAT(xml, HasSubstr("classname=\"group/app:1.vulnerability\""));
  EXPECT_THAT(xml, HasSubstr("classname=\"group/app:alpine.vulnerability\""));
}

TEST(JsonReport, HoldsEverythingButSecrets) {
  ScanResult result = sample_result();
  result.image.config.environment = {"API_TOKEN=geheim"};
  const auto report = render(ReportFormat::json, {result});
  EXPECT_EQ(report["schemaVersion"], 1);
  EXPECT_EQ(report["tool"]["version"], "1.2.3");
  const auto& image = report["images"][0];
  EXPECT_EQ(image["verdict"]["outcome"], "stop");
  EXPECT_EQ(image["findings"].size(), 3U);
  EXPECT_EQ(image["findings"][0]["package"]["purl"], "pkg:pypi/flask@2.0.1");
  EXPECT_EQ(image["findings"][0]["place"]["line"], 7);
  EXPECT_EQ(image["findings"][0]["decision"]["rule"], "stop-fixable-high");
  EXPECT_TRUE(image["findings"][1]["package"].is_null());
  EXPECT_EQ(image["packages"].size(), 2U);
  EXPECT_EQ(image["data"][0]["newest"], "2026-11-19T21:02:23Z");
  EXPECT_THAT(render_report(ReportFormat::json, {result}, {}), Not(HasSubstr("geheim")));
}

TEST(CodeQuality, RemarksOfBuildsAreEntries) {
  ReportOptions options;
  options.remarks = {{"SecretsUsedInArgOrEnv", "ENV names a secret: 'TOKEN'", {"./docker/Dockerfile", 7}},
                     {"JSONArgsRecommended", "CMD in shell form", {"docker/Dockerfile", 9}},
                     {"JSONArgsRecommended", "CMD in shell form", {"docker/Dockerfile", 19}},
                     {"UndefinedVar", "the variable 'X' is not defined", {"docker/Dockerfile", 3}}};
  const auto entries = parse_json(render_report(ReportFormat::codequality, {}, options), "report");
  ASSERT_TRUE(entries);
  std::vector<std::string> rows;
  std::set<std::string> prints;
  for (const auto& entry : *entries) {
    rows.push_back(fmt::format("{}:{} {} {} {}", json_string(entry["location"], "path"),
                               json_int(entry["location"]["lines"], "begin").value_or(0),
                               json_string(entry, "severity"), entry["categories"][0].get<std::string>(),
                               json_string(entry, "description")));
    prints.insert(json_string(entry, "fingerprint"));
  }
  EXPECT_EQ(rows, (std::vector<std::string>{
                      "docker/Dockerfile:7 major Security ENV names a secret: 'TOKEN' (SecretsUsedInArgOrEnv)",
                      "docker/Dockerfile:9 info Style CMD in shell form (JSONArgsRecommended)",
                      "docker/Dockerfile:19 info Style CMD in shell form (JSONArgsRecommended)",
                      "docker/Dockerfile:3 minor Bug Risk the variable 'X' is not defined (UndefinedVar)"}));
  EXPECT_EQ(prints.size(), 4U);
}

TEST(CodeQuality, ARemarkKeepsItsFingerprintWhenLinesMove) {
  const auto print = [](int line) {
    ReportOptions options;
    options.remarks = {{"UndefinedVar", "the variable 'X' is not defined", {"Dockerfile", line}}};
    return json_string((*parse_json(render_report(ReportFormat::codequality, {}, options), "report"))[0],
                       "fingerprint");
  };
  EXPECT_EQ(print(3), print(30));
}

}  // namespace
}  // namespace scangate
