#pragma once
// Scan results for report tests.
#include <string>

#include "scan/model/verdict.h"

namespace scangate {

inline Finding sample_vulnerability(const std::string& id, Severity severity, const std::string& package,
                                    const std::string& version) {
  Finding finding;
  finding.id = id;
  finding.severity = severity;
  finding.severity_source = "GHSA";
  finding.title = id + " title";
  finding.package.emplace();
  finding.package->type = "pypi";
  finding.package->name = package;
  finding.package->version = version;
  return finding;
}

// Two vulnerabilities, one of them in the base image, and an exposed port.
inline ScanResult sample_result() {
  ScanResult result;
  result.image.name = "127.0.0.1:5000/group/app:1";
  result.image.base_name = "debian:bookworm";
  result.image.dockerfile = "docker/Dockerfile";
  result.image.layers.resize(2);
  result.image.layers[0].is_base = true;
  result.started = *parse_time("2026-11-22T10:00:00Z");
  result.ended = *parse_time("2026-11-22T10:00:02Z");
  result.inventory.os = OsRelease{.id = "debian", .version_id = "12", .pretty_name = "Debian GNU/Linux 12 (bookworm)"};

  Finding flask = sample_vulnerability("CVE-2023-30861", Severity::high, "flask", "2.0.1");
  flask.aliases = {"GHSA-m2qf-hxjv-5gpq", "x_SAMPLE-1"};
  flask.cvss = {{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 7.5},
                {"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", 8.7}};
  flask.fixed_versions = {"2.2.5", "2.3.2"};
  flask.fix = FixState::fixed;
  flask.remedy = "upgrade flask to 2.2.5";
  flask.place = SourcePlace{"./docker/Dockerfile", 7};
  flask.layer = 1;
  flask.references = {"https://example.org/a", "javascript:alert(1)"};
  Finding port;
  port.kind = FindingKind::config;
  port.id = "exposed-port";
  port.severity = Severity::medium;
  port.detail = "22/tcp";
  port.title = "Port 22/tcp (SSH) is exposed";
  port.remedy = "remove EXPOSE 22/tcp in docker/Dockerfile:9";
  port.place = SourcePlace{"docker/Dockerfile", 9};
  Finding bash = sample_vulnerability("CVE-2024-2", Severity::unknown, "bash", "5.2.15-2+b2");
  bash.package->type = "deb";
  bash.package->name_space = "debian";
  bash.fix = FixState::not_fixed;
  bash.in_base = true;
  bash.layer = 0;
  result.findings = {flask, port, bash};
  result.inventory.packages = {*bash.package, *flask.package};
  result.coverage = {{"Debian:12", 1, true}, {"PyPI", 1, true}};
  result.data = {{"Debian", 5123, parse_time("2026-11-19T21:02:23Z"), parse_time("2026-11-22T09:00:00Z")}};
  result.notes = {"findings without a severity in the advisory data: 1"};
  result.verdict.policy = "default";
  result.verdict.outcome = Outcome::stop;
  result.verdict.decisions = {{Action::stop, "stop-fixable-high", "fixable"},
                              {Action::stop, "stop-ssh-port", "port 22 is exposed"},
                              {Action::warn, "warn-unknown-severity", "not rated"}};
  result.verdict.reasons = {"stop-fixable-high: fixable: CVE-2023-30861 in flask",
                            "stop-ssh-port: port 22 is exposed: exposed-port (22/tcp)",
                            "warn-unknown-severity: not rated: CVE-2024-2 in bash"};
  return result;
}

// Every string as bad as an image can make it.
inline ScanResult hostile_result() {
  const std::string bad =
      std::string("\x01\x1b[31m\xff\xfe <&>\"' ]]> \xEF\xBF\xBF \n\t") + std::string(1, '\0') + "ü🙂";
  const std::string huge(3'000'000, 'x');
  ScanResult result = sample_result();
  result.image.name = bad;
  result.inventory.os->pretty_name = bad;
  for (auto& finding : result.findings) {
    finding.id += bad;
    finding.title = bad + huge;
    finding.description = huge + bad;
    finding.remedy = huge;
    finding.detail = bad;
    finding.aliases = {bad, huge, ""};
    finding.references = {"https://" + bad, "https://", huge};
    finding.fixed_versions = {bad};
    finding.severity_source = bad;
    finding.cvss = {{"CVSS:3.1/" + bad, 9.0}, {huge, 1.0}};
    finding.place = SourcePlace{bad, -3};
    if (finding.package) {
      finding.package->name += bad;
      finding.package->version = bad + huge;
      finding.package->paths = {bad};
    }
  }
  result.inventory.problems = {{bad, 0, bad, true}};
  result.notes = {bad, huge};
  result.verdict.reasons = {bad, huge};
  for (auto& decision : result.verdict.decisions)
    decision = {decision.action, bad, huge};
  return result;
}

// The same finding id on many packages.
inline ScanResult large_result(std::size_t findings) {
  ScanResult result = sample_result();
  result.findings.clear();
  result.verdict.decisions.clear();
  for (std::size_t i = 0; i < findings; ++i) {
    result.findings.push_back(sample_vulnerability("CVE-2024-1", Severity::low, "p" + std::to_string(i), "1"));
    result.verdict.decisions.push_back({Action::ignore, "", ""});
  }
  return result;
}

}  // namespace scangate
