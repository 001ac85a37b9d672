#include "scan/policy/policy.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "base/file.h"

namespace scangate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const FixedClock kNow(*parse_time("2026-11-22T12:00:00Z"));

Finding vulnerability(const std::string& id, Severity severity, FixState fix, const std::string& package = "flask",
                      const std::string& version = "2.0") {
  Finding finding;
  finding.id = id;
  finding.severity = severity;
  finding.fix = fix;
  finding.package.emplace();
  finding.package->type = "pypi";
  finding.package->name = package;
  finding.package->version = version;
  return finding;
}

Finding config(const std::string& id, const std::string& detail = {}) {
  Finding finding;
  finding.kind = FindingKind::config;
  finding.id = id;
  finding.detail = detail;
  return finding;
}

ScanResult scan(std::vector<Finding> findings) {
  ScanResult result;
  result.findings = std::move(findings);
  result.coverage = {{"PyPI", 3, true}};
  result.data = {{"PyPI", 100, parse_time("2026-11-20T00:00:00Z"), parse_time("2026-11-21T00:00:00Z")}};
  return result;
}

Policy parse(std::string_view yaml) {
  auto policy = Policy::parse(yaml, "policy.yaml");
  EXPECT_TRUE(policy) << policy.error().text();
  return policy ? *policy : Policy::builtin_default();
}

std::string error_of(std::string_view yaml) {
  const auto policy = Policy::parse(yaml, "p.yaml");
  return policy ? "no error" : policy.error().text();
}

// A rule with this condition that stops.
Outcome outcome_of(const std::string& when, const Finding& finding) {
  const Policy policy = parse("rules: [{name: r, action: stop, when: " + when + "}]");
  return policy.decide(scan({finding}), kNow).outcome;
}

TEST(DefaultPolicy, StopsFixableHighAndPort22AndWarns) {
  const Policy& policy = Policy::builtin_default();
  EXPECT_EQ(policy.name(), "default");
  struct Row {
    Finding finding;
    Outcome outcome;
    const char* rule;
  };
  Finding malware = vulnerability("GHSA-1", Severity::critical, FixState::not_fixed);
  malware.aliases = {"MAL-2024-1"};
  Finding data = vulnerability("version-not-comparable", Severity::unknown, FixState::unknown);
  data.kind = FindingKind::data;
  for (const Row& row : {
           Row{vulnerability("CVE-1", Severity::critical, FixState::fixed), Outcome::stop, "stop-fixable-high"},
           Row{vulnerability("CVE-1", Severity::high, FixState::fixed), Outcome::stop, "stop-fixable-high"},
           Row{vulnerability("CVE-1", Severity::high, FixState::not_fixed), Outcome::pass, ""},
           Row{vulnerability("CVE-1", Severity::medium, FixState::fixed), Outcome::pass, ""},
           Row{vulnerability("CVE-1", Severity::unknown, FixState::not_fixed), Outcome::warn, "warn-unknown-severity"},
           Row{malware, Outcome::stop, "stop-malware"},
           Row{data, Outcome::warn, "warn-not-comparable"},
           Row{config("exposed-port", "22/tcp"), Outcome::stop, "stop-ssh-port"},
           Row{config("exposed-port", "5000/tcp"), Outcome::pass, ""},
           Row{config("root-user"), Outcome::warn, "warn-root-user"},
           Row{config("secret-in-env", "API_TOKEN"), Outcome::warn, "warn-secret-in-env"},
           Row{config("no-healthcheck"), Outcome::pass, ""},
       }) {
    const Verdict verdict = policy.decide(scan({row.finding}), kNow);
    EXPECT_EQ(verdict.outcome, row.outcome) << row.finding.id << row.finding.detail;
    ASSERT_THAT(verdict.decisions, SizeIs(1));
    EXPECT_EQ(verdict.decisions[0].rule, row.rule) << row.finding.id;
  }
}

TEST(DefaultPolicy, ReasonsNameRuleAndFindings) {
  std::vector<Finding> findings;
  for (int i = 1; i <= 5; ++i)
    findings.push_back(vulnerability("CVE-2024-" + std::to_string(i), Severity::high, FixState::fixed));
  findings.push_back(config("root-user"));
  findings.push_back(config("exposed-port", "22/tcp"));
  const Verdict verdict = Policy::builtin_default().decide(scan(findings), kNow);
  EXPECT_EQ(verdict.outcome, Outcome::stop);
  EXPECT_THAT(verdict.reasons,
              ElementsAre("stop-fixable-high: High and Critical vulnerabilities with a fix: CVE-2024-1 in flask, "
                          "CVE-2024-2 in flask, CVE-2024-3 in flask and 2 more",
                          "stop-ssh-port: port 22 is exposed: exposed-port (22/tcp)",
                          "warn-root-user: the image runs as root: root-user"));
}

// What the documentation shows parses, and the built-in policy stands there as it is.
TEST(PolicyDocumentation, IsTrue) {
  const auto docs = read_file(std::filesystem::path(SCANGATE_SOURCE_DIR) / "docs/policy.md", 1U << 20U);
  ASSERT_TRUE(docs) << docs.error().text();
  const std::string_view builtin = Policy::builtin_default_yaml();
  EXPECT_THAT(*docs, HasSubstr(std::string(builtin.substr(builtin.find("rules:")))));
  const std::string fence = "```yaml\n";
  const auto start = docs->find(fence) + fence.size();
  const auto policy = Policy::parse(docs->substr(start, docs->find("```", start) - start), "docs/policy.md");
  ASSERT_TRUE(policy) << policy.error().text();
  EXPECT_THAT(policy->rules(), SizeIs(3));
}

TEST(Policy, ConditionsMatch) {
  const Finding high = vulnerability("CVE-2024-1", Severity::high, FixState::fixed, "openssl", "3.0.1");
  struct Row {
    const char* when;
    Finding finding;
    bool matches;
  };
  Finding base = high;
  base.in_base = true;
  Finding alias = high;
  alias.aliases = {"GHSA-aaaa"};
  for (const Row& row : {
           Row{"{}", high, true},
           Row{"{kind: config}", high, false},
           Row{"{kind: [config, vulnerability]}", high, true},
           Row{"{severity: high}", high, true},
           Row{"{severity: HIGH}", high, true},
           Row{"{severity: [low, critical]}", high, false},
           Row{"{severity: '>= medium'}", high, true},
           Row{"{severity: '>= critical'}", high, false},
           Row{"{severity: '>= negligible'}", vulnerability("C", Severity::unknown, FixState::unknown), false},
           Row{"{fix: none}", high, false},
           Row{"{fix: [none, available]}", high, true},
           Row{"{id: 'CVE-2024-*'}", high, true},
           Row{"{id: ['GHSA-*']}", alias, true},
           Row{"{id: 'CVE-2024'}", high, false},
           Row{"{package: 'open*'}", high, true},
           Row{"{package: {name: openssl, version: '< 3.0.2'}}", high, true},
           Row{"{package: {name: openssl, version: '>= 3.0, < 3.0.1'}}", high, false},
           Row{"{package: {name: openssl, type: deb}}", high, false},
           Row{"{package: curl}", config("root-user"), false},
           Row{"{from: base}", high, false},
           Row{"{from: base}", base, true},
           Row{"{from: own}", high, true},
           Row{"{port: 22}", config("exposed-port", "22/tcp"), true},
           Row{"{port: 22}", config("exposed-port", "22"), true},
           Row{"{port: 22}", config("exposed-port", "20-25/tcp"), true},
           Row{"{port: 22}", config("exposed-port", "23-25/tcp"), false},
           Row{"{port: {except: [80-90]}}", config("exposed-port", "80-85/tcp"), false},
           Row{"{port: {except: [80-90]}}", config("exposed-port", "80-91/tcp"), true},
           Row{"{port: 22/udp}", config("exposed-port", "22/tcp"), false},
           Row{"{port: [1-1023]}", config("exposed-port", "80/tcp"), true},
           Row{"{port: [1-1023]}", config("exposed-port", "8080/tcp"), false},
           Row{"{port: {except: [80, 443]}}", config("exposed-port", "80/tcp"), false},
           Row{"{port: {except: [80, 443]}}", config("exposed-port", "8080/tcp"), true},
           // A port that is no number cannot be on the list of allowed ones.
           Row{"{port: {except: [80]}}", config("exposed-port", "http"), true},
           Row{"{user: root}", config("root-user"), true},
           Row{"{env: secret}", config("secret-in-env", "A"), true},
           Row{"{env: secret}", config("root-user"), false},
       }) {
    EXPECT_EQ(outcome_of(row.when, row.finding), row.matches ? Outcome::stop : Outcome::pass)
        << row.when << " on " << row.finding.id << " " << row.finding.detail;
  }
}

TEST(Policy, FirstMatchingRuleDecides) {
  const Policy policy = parse(R"(
rules:
  - {name: known, action: ignore, when: {package: flask}}
  - {name: all, action: stop, when: {severity: high}}
)");
  const Verdict verdict = policy.decide(scan({vulnerability("CVE-1", Severity::high, FixState::fixed),
                                              vulnerability("CVE-2", Severity::high, FixState::fixed, "jinja2")}),
                                        kNow);
  EXPECT_EQ(verdict.decisions[0].action, Action::ignore);
  EXPECT_EQ(verdict.decisions[0].rule, "known");
  EXPECT_EQ(verdict.decisions[1].rule, "all");
  EXPECT_EQ(verdict.decisions[1].reason, "severity high");
}

TEST(Policy, InstalledRulesMakeFindings) {
  const Policy policy = parse(R"(
rules:
  - {name: no-ssh, action: stop, when: {installed: ["openssh-server", {name: "telnet*", version: "< 1.0"}]}}
  - {name: only-known, action: warn, when: {installed: {except: ["lib*", openssh-server]}}}
)");
  Inventory inventory;
  for (const auto& [name, version] :
       {std::pair{"libc6", "2.36"}, std::pair{"openssh-server", "1:9.2"}, std::pair{"telnetd", "0.17"}}) {
    Package package;
    package.type = "deb";
    package.name = name;
    package.version = version;
    inventory.packages.push_back(package);
  }
  ScanResult result = scan(policy.package_findings(inventory));
  ASSERT_THAT(result.findings, SizeIs(3));
  EXPECT_EQ(result.findings[0].id, "denied-package");
  EXPECT_EQ(result.findings[0].title, "openssh-server is not allowed by the rule no-ssh");
  EXPECT_EQ(result.findings[2].detail, "only-known");
  const Verdict verdict = policy.decide(result, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::stop);
  EXPECT_EQ(verdict.reasons[0],
            "no-ssh: installed openssh-server or telnet* < 1.0: denied-package in openssh-server, denied-package in "
            "telnetd, denied-package in telnetd");
}

constexpr std::string_view kWithException = R"(
name: mine
rules: [{name: r, title: high ones, action: stop, when: {severity: high}}]
exceptions:
  - {id: CVE-2023-1234, package: flask, reason: not reachable, expires: 2027-01-01}
)";

TEST(Policy, ExceptionHoldsUntilItsDay) {
  const Policy policy = parse(kWithException);
  Finding finding = vulnerability("GHSA-1", Severity::high, FixState::fixed);
  finding.aliases = {"CVE-2023-1234"};
  Verdict verdict = policy.decide(scan({finding}), FixedClock(*parse_time("2026-12-31T23:59:59Z")));
  EXPECT_EQ(verdict.outcome, Outcome::pass);
  EXPECT_EQ(verdict.decisions[0].rule, "exception CVE-2023-1234 until 2027-01-01");
  EXPECT_EQ(verdict.decisions[0].reason, "not reachable");
  verdict = policy.decide(scan({finding}), FixedClock(*parse_time("2027-01-01T00:00:00Z")));
  EXPECT_EQ(verdict.outcome, Outcome::stop);
  EXPECT_EQ(verdict.decisions[0].reason, "high ones; the exception for CVE-2023-1234 expired on 2027-01-01");
  finding.package->name = "other";
  EXPECT_EQ(policy.decide(scan({finding}), kNow).outcome, Outcome::stop);
}

TEST(Policy, ProjectCanOnlyTighten) {
  const Policy host =
      parse("{name: host, max_data_age: 30d, rules: [{name: h, action: warn, when: {severity: high}}]}");
  const Policy project = parse(R"(
name: project
max_data_age: 365d
rules:
  - {name: p-ignore, action: ignore, when: {severity: high, package: flask}}
  - {name: p-stop, action: stop, when: {severity: high}}
)");
  const Policy both = host.tightened_by(project);
  EXPECT_EQ(both.name(), "host + project");
  EXPECT_THAT(both.rules(), SizeIs(3));
  const Verdict verdict = both.decide(scan({vulnerability("CVE-1", Severity::high, FixState::fixed),
                                            vulnerability("CVE-2", Severity::high, FixState::fixed, "curl")}),
                                      kNow);
  EXPECT_EQ(verdict.decisions[0].rule, "h");
  EXPECT_EQ(verdict.decisions[1].rule, "p-stop");
  ScanResult old = scan({});
  old.data[0].newest = *parse_time("2026-10-01T00:00:00Z");
  EXPECT_EQ(both.decide(old, kNow).outcome, Outcome::undecided);
  EXPECT_NE(both.fingerprint(), host.fingerprint());
}

TEST(Policy, HostSaysWhetherTheProjectsExceptionsCount) {
  const std::string rules = "rules: [{name: h, title: high ones, action: stop, when: {severity: high}}]";
  const Policy strict = parse("{name: host, " + rules + "}");
  const Policy open = parse("{name: host, allow_exceptions: true, " + rules + "}");
  const Policy project = parse("{exceptions: [{id: CVE-1, reason: not reachable}]}");
  const ScanResult result = scan({vulnerability("CVE-1", Severity::high, FixState::fixed)});
  Verdict verdict = open.tightened_by(project).decide(result, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::pass);
  EXPECT_EQ(verdict.decisions[0].rule, "exception CVE-1");
  verdict = strict.tightened_by(project).decide(result, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::stop);
  EXPECT_EQ(verdict.decisions[0].reason, "high ones; the exception for CVE-1 is not allowed by policy host");
}

TEST(Policy, WhatCannotBeDecidedIsUndecided) {
  const Policy policy = parse("{max_data_age: 30d}");
  EXPECT_EQ(policy.decide(scan({}), kNow).outcome, Outcome::pass);

  ScanResult no_data = scan({});
  no_data.coverage.push_back({"Debian:13", 85, false});
  Verdict verdict = policy.decide(no_data, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::undecided);
  EXPECT_THAT(verdict.reasons, ElementsAre("no advisory data for Debian:13 (packages: 85)"));

  ScanResult incomplete = scan({});
  incomplete.inventory.problems = {{"var/lib/dpkg/status", 0, "cut short", true}, {"a", 0, "odd", false}};
  verdict = policy.decide(incomplete, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::undecided);
  EXPECT_THAT(verdict.reasons, ElementsAre("the package list is incomplete: var/lib/dpkg/status: cut short"));

  ScanResult old = scan({});
  old.data[0].newest = *parse_time("2026-10-01T00:00:00Z");
  verdict = policy.decide(old, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::undecided);
  EXPECT_THAT(verdict.reasons, ElementsAre("the advisories for PyPI are 52 days old, the policy allows 30 days"));
  old.data.clear();
  verdict = policy.decide(old, kNow);
  EXPECT_THAT(verdict.reasons, ElementsAre("the age of the advisories for PyPI is not known"));
  // Without a limit the age does not matter.
  EXPECT_EQ(parse("{}").decide(old, kNow).outcome, Outcome::pass);
}

TEST(Policy, EmptyImagePasses) {
  ScanResult empty;
  const Verdict verdict = Policy::builtin_default().decide(empty, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::pass);
  EXPECT_THAT(verdict.reasons, IsEmpty());
}

TEST(Policy, DistributionWithoutPackagesIsUndecided) {
  ScanResult result;
  result.inventory.os = OsRelease{.id = "debian", .version_id = "12", .pretty_name = "Debian GNU/Linux 12 (bookworm)"};
  Verdict verdict = Policy::builtin_default().decide(result, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::undecided);
  EXPECT_THAT(verdict.reasons,
              ElementsAre("the image is Debian GNU/Linux 12 (bookworm), but no package database was found in it"));
  // A distribution without a package system has nothing to compare.
  result.inventory.os->id = "buildroot";
  EXPECT_EQ(Policy::builtin_default().decide(result, kNow).outcome, Outcome::pass);
}

TEST(Policy, StopReasonsStandBelowOpenQuestions) {
  ScanResult result = scan({config("exposed-port", "22/tcp")});
  result.coverage[0].has_data = false;
  const Verdict verdict = Policy::builtin_default().decide(result, kNow);
  EXPECT_EQ(verdict.outcome, Outcome::undecided);
  EXPECT_THAT(verdict.reasons, ElementsAre("no advisory data for PyPI (packages: 3)",
                                           "stop-ssh-port: port 22 is exposed: exposed-port (22/tcp)"));
}

TEST(PolicyFile, ErrorsNamePlaceAndRemedy) {
  struct Row {
    const char* yaml;
    const char* error;
  };
  for (const Row& row : {
           Row{"ruls: []", "p.yaml:1:1: unknown key 'ruls' (did you mean 'rules'?)"},
           Row{"rules:\n  - name: a\n    acton: stop\n    when: {}",
               "p.yaml:3:5: unknown key 'acton' (did you mean 'action'?)"},
           Row{"rules:\n  - name: a\n    action: halt\n    when: {}",
               "p.yaml:3:13: 'halt' is no action (known: stop, warn, ignore)"},
           Row{"rules:\n  - name: a\n    action: stop", "p.yaml:2:5: the rule has no 'when'"},
           Row{"rules: [{name: a, action: stop, when: {severety: high}}]",
               "p.yaml:1:40: unknown key 'severety' (did you mean 'severity'?)"},
           Row{"rules: [{name: a, action: stop, when: {severity: hgh}}]",
               "p.yaml:1:50: 'hgh' is no severity (did you mean 'high'?)"},
           Row{"rules: [{name: a, action: stop, when: {severity: []}}]", "p.yaml:1:50: 'severity' is empty"},
           Row{"rules: [{name: a, action: stop, when: {severity: '>= unknown'}}]",
               "p.yaml:1:50: 'unknown' has no place in the order of severities"},
           Row{"rules: [{name: a, action: stop, when: {port: [70000]}}]",
               "p.yaml:1:47: '70000' is no port; right are 22, 53/udp or 1-1023"},
           Row{"rules: [{name: a, action: stop, when: {package: {name: x, version: '< '}}}]",
               "p.yaml:1:68: '<' is no version range; right is '>= 1.0, < 2.0'"},
           Row{"rules: [{name: a, action: stop, when: {}}, {name: a, action: warn, when: {}}]",
               "p.yaml:1:44: the rule name 'a' is taken at p.yaml:1:9"},
           Row{"rules: {}", "p.yaml:1:8: 'rules' has to be a list"},
           Row{"exceptions: [{id: CVE-1}]", "p.yaml:1:14: the exception has no 'reason'"},
           Row{"exceptions: [{id: 'CVE-*', reason: x}]", "p.yaml:1:19: an exception names one id, without '*' or '?'"},
           Row{"exceptions: [{id: CVE-1, reason: x, expires: soon}]",
               "p.yaml:1:46: 'soon' is no date; right is 2027-01-31"},
           Row{"max_data_age: 30", "p.yaml:1:15: '30' is no age; right are 30d, 12h or 2w"},
           Row{"allow_exceptions: maybe", "p.yaml:1:19: 'maybe' is no allow_exceptions (known: true, false)"},
           Row{"name: a\nname: b",
               "p.yaml:2:1: key 'name' stands twice, first in line 1 (remove or rename one of them)"},
           Row{"- a", "p.yaml:1:1: a policy has to be a map with 'rules' or 'exceptions'"},
           Row{"a: {b", "p.yaml:1:1: not valid YAML: end of map flow not found"},
           Row{"a: 1\n---\nb: 2", "p.yaml: more than one YAML document"},
           Row{"name: \"\xff\"", "p.yaml: not UTF-8 text"},
       }) {
    EXPECT_EQ(error_of(row.yaml), row.error) << row.yaml;
  }
}

TEST(PolicyFile, BombsAreRefused) {
  EXPECT_EQ(
      error_of(
          "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
          "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]"),
      "p.yaml:5:23: the configuration grows beyond 100000 values here (remove aliases, references or includes that "
      "repeat each other)");
  EXPECT_EQ(error_of("a: &a {b: *a}"),
            "p.yaml:1:11: an alias inside the value it names (a value cannot contain itself)");
  EXPECT_TRUE(error_of("a: " + std::string(10'000, '[')).starts_with("p.yaml"))
      << error_of("a: " + std::string(10'000, '['));
  EXPECT_EQ(error_of(std::string((1U << 20U) + 1, ' ')), "p.yaml: larger than 1.0 MB");
}

TEST(PolicyFile, EmptyIsAPolicyWithoutRules) {
  EXPECT_THAT(parse("").rules(), IsEmpty());
  EXPECT_EQ(parse("").name(), "policy.yaml");
}

TEST(PolicyFile, FingerprintFollowsText) {
  EXPECT_NE(parse("{name: a}").fingerprint(), parse("{name: b}").fingerprint());
  EXPECT_EQ(parse("{name: a}").fingerprint(), parse("{name: a}").fingerprint());
}

}  // namespace
}  // namespace scangate
