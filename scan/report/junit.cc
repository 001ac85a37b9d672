// JUnit as GitLab reads it (lib/gitlab/ci/parsers/test/junit.rb): identity is suite, classname and name; only the
// content of failure, error and skipped is shown; a `type` attribute can be taken for a cast, so there is none. A
// finding that is gone counts as resolved only if its case is still there and passes: the rules' cases do that.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "scan/report/formats.h"
#include "scan/report/report_text.h"

namespace scangate {
namespace {

// GitLab refuses an XML of more than 250,000 objects; a case needs up to seven.
constexpr std::size_t kMaxCases = 10'000;
// Times kMaxCases stays below GitLab's 30 MB a file.
constexpr std::size_t kMaxContentBytes = 2'000;

enum class Status { passed, skipped, failed, error };  // by weight

struct Case {
  std::string classname;
  std::string name;
  std::string file;
  Status status = Status::passed;
  std::string content;
};

struct Suite {
  std::string name;
  std::vector<Case> cases;
  std::map<std::pair<std::string, std::string>, std::size_t> known;

  // Cases of one key would overwrite each other: the heavier one stays, the contents are joined.
  void add(Case one) {
    const auto [at, is_new] = known.try_emplace({one.classname, one.name}, cases.size());
    if (is_new) {
      cases.push_back(std::move(one));
      return;
    }
    Case& there = cases[at->second];
    if (one.status > there.status) std::swap(there, one);
    if (!one.content.empty() && one.status == there.status && there.content.size() < kMaxContentBytes)
      there.content = report_paragraph(there.content + "\n\n" + one.content, kMaxContentBytes);
  }
};

std::string content_of(const ScanResult& result, std::size_t index) {
  const Finding& finding = result.findings[index];
  const Decision& decision = decision_of(result, index);
  std::string text = finding.title.empty() ? finding.id : finding.title;
  text += "\n";
  const auto line = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) text += fmt::format("\n{:<10} {}", label, value);
  };
  std::string severity(severity_name(finding.severity));
  if (!finding.severity_source.empty()) severity += " (" + finding.severity_source + ")";
  line("severity", severity);
  if (finding.package) {
    line("package", package_label(finding) + " " + finding.package->version);
    if (finding.kind == FindingKind::vulnerability) line("fixed in", fixed_text(finding));
  }
  line("detail", finding.detail);
  line("where", finding_where(finding, result.image));
  line("remedy", finding.remedy);
  line("policy", fmt::format("{}{}{}{}{}", action_name(decision.action), decision.rule.empty() ? "" : " by ",
                             decision.rule, decision.reason.empty() ? "" : ": ", decision.reason));
  std::string aliases;
  for (const auto& alias : finding.aliases)
    aliases += (aliases.empty() ? "" : " ") + alias;
  line("also", aliases);
  if (!finding.references.empty()) line("see", finding.references.front());
  return report_paragraph(text, kMaxContentBytes);
}

Status status_of(Action action) {
  switch (action) {
    case Action::stop:
      return Status::failed;
    case Action::warn:
      return Status::skipped;
    case Action::ignore:
      break;
  }
  return Status::passed;
}

// One case a finding.
void add_findings(Suite& suite, const ScanResult& result, const std::string& image, const ReportOptions& options) {
  std::size_t left_out = 0;
  for (std::size_t i = 0; i < result.findings.size(); ++i) {
    const Finding& finding = result.findings[i];
    if (suite.cases.size() >= kMaxCases) {
      ++left_out;
      continue;
    }
    Case one;
    one.classname = fmt::format("{}.{}", image, finding_kind_name(finding.kind));
    one.name = finding_label(finding);
    one.file = finding_place(finding, result.image, options).file;
    one.status = status_of(decision_of(result, i).action);
    if (one.status != Status::passed) one.content = content_of(result, i);
    suite.add(std::move(one));
  }
  if (left_out > 0) {
    Case rest;
    rest.classname = image + ".more";
    rest.name = "findings that are not listed";
    rest.file = options.default_dockerfile;
    rest.status = Status::skipped;
    rest.content = fmt::format("{} more findings; the JSON report has them all", left_out);
    suite.add(std::move(rest));
  }
}

// One case a rule of the policy, and one for whether the scan could decide at all.
void add_policy(Suite& suite, const ScanResult& result, const std::string& image, const ReportOptions& options) {
  Case decided;
  decided.classname = image + ".scan";
  decided.name = "the scan could decide";
  decided.file = result.image.dockerfile.value_or(options.default_dockerfile);
  if (result.verdict.outcome == Outcome::undecided) {
    decided.status = Status::error;
    for (const auto& reason : result.verdict.reasons)
      decided.content += reason + "\n";
    decided.content = report_paragraph(decided.content.empty() ? "undecided" : decided.content, kMaxContentBytes);
  }
  suite.add(std::move(decided));

  struct Broken {
    Status status = Status::passed;
    std::size_t findings = 0;
    std::string reason;
    std::string examples;
  };
  std::map<std::string, Broken> broken;
  for (std::size_t i = 0; i < result.findings.size(); ++i) {
    const Decision& decision = decision_of(result, i);
    if (decision.action == Action::ignore) continue;
    Broken& rule = broken[decision.rule];
    rule.status = std::max(rule.status, status_of(decision.action));
    if (rule.findings == 0) rule.reason = decision.reason;
    if (++rule.findings <= 20) rule.examples += "\n" + finding_label(result.findings[i]);
  }
  for (const auto& [name, rule] : broken) {
    Case one;
    one.classname = image + ".policy";
    one.name = report_line(name, 200);
    one.file = result.image.dockerfile.value_or(options.default_dockerfile);
    one.status = rule.status;
    one.content = report_paragraph(fmt::format("{}\n\nfindings: {}{}", rule.reason, rule.findings, rule.examples),
                                   kMaxContentBytes);
    suite.add(std::move(one));
  }
}

// Rules that no finding met: passing cases, so that a rule that failed in the base shows as resolved.
void add_passing_rules(Suite& suite, const std::vector<std::string>& images, const ReportOptions& options) {
  for (const auto& image : images) {
    for (const auto& rule : options.rules) {
      Case one;
      one.classname = image + ".policy";
      one.name = report_line(rule, 200);
      one.file = options.default_dockerfile;
      if (!suite.known.contains({one.classname, one.name})) suite.add(std::move(one));
    }
  }
}

std::size_t count(const Suite& suite, Status status) {
  return static_cast<std::size_t>(
      std::count_if(suite.cases.begin(), suite.cases.end(), [&](const Case& one) { return one.status == status; }));
}

std::string render_case(const Case& one) {
  const std::string head =
      fmt::format("    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" time=\"0\"", xml_escape(one.classname),
                  xml_escape(one.name), xml_escape(report_line(one.file, 1'000)));
  std::string_view element;
  switch (one.status) {
    case Status::passed:
      return head + "/>\n";
    case Status::skipped:
      element = "skipped";
      break;
    case Status::failed:
      element = "failure";
      break;
    case Status::error:
      element = "error";
      break;
  }
  return fmt::format("{}>\n      <{}>{}</{}>\n    </testcase>\n", head, element, xml_escape(one.content), element);
}

}  // namespace

std::string render_junit(const std::vector<ScanResult>& results, const ReportOptions& options) {
  Suite scan{"scan", {}, {}};
  Suite policy{"policy", {}, {}};
  const auto names = logical_names(results);
  for (std::size_t i = 0; i < results.size(); ++i) {
    add_findings(scan, results[i], names[i], options);
    add_policy(policy, results[i], names[i], options);
  }
  add_passing_rules(policy, names, options);

  const TimePoint start = results.empty() ? TimePoint{} : results.front().started;
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  int id = 0;
  for (const Suite* suite : {&scan, &policy}) {
    xml += fmt::format(
        "  <testsuite name=\"{}\" package=\"scangate\" id=\"{}\" hostname=\"localhost\" timestamp=\"{}\" tests=\"{}\" "
        "failures=\"{}\" errors=\"{}\" time=\"0\">\n    <properties/>\n",
        suite->name, id++, format_utc_bare(start), suite->cases.size(), count(*suite, Status::failed),
        count(*suite, Status::error));
    for (const Case& one : suite->cases)
      xml += render_case(one);
    xml += "    <system-out/>\n    <system-err/>\n  </testsuite>\n";
  }
  xml += "</testsuites>\n";
  return xml;
}

}  // namespace scangate
