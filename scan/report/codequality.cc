// GitLab Code Quality: app/validators/json_schemas/codeclimate.json. One invalid entry drops all after it, and entries
// of one fingerprint collapse: every string is cleaned and every fingerprint appears once.
#include <set>

#include "base/digest.h"
#include "base/json/json.h"
#include "scan/report/formats.h"
#include "scan/report/report_text.h"

namespace scangate {
namespace {

// More than the widget or a reader can take; worst first, so what is left out is the least.
constexpr std::size_t kMaxEntries = 10'000;
constexpr std::size_t kMaxDescriptionBytes = 1'000;

std::string_view severity_word(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return "blocker";
    case Severity::high:
      return "critical";
    case Severity::medium:
      return "major";
    case Severity::low:
      return "minor";
    case Severity::negligible:
    case Severity::unknown:
      break;
  }
  return "info";
}

std::string describe(const Finding& finding, const std::string& image) {
  std::string text = report_line(finding.id, 200);
  if (finding.package) {
    text += fmt::format(" ({}) in {} {} of {}", severity_name(finding.severity), package_label(finding),
                        report_line(finding.package->version, 100), image);
  } else {
    text += " in " + image;
  }
  if (!finding.title.empty()) text += ": " + report_line(finding.title, 300);
  if (!finding.remedy.empty()) text += "; " + report_line(finding.remedy, 300);
  return report_line(text, kMaxDescriptionBytes);
}

// Neither line, version, tag nor digest: a rebuilt image must not turn everything into new and resolved.
std::string fingerprint(const Finding& finding, const std::string& image, const std::string& path) {
  return Digest::of(finding_key(finding) + "\n" + image + "\n" + path).hex();
}

}  // namespace

std::string render_codequality(const std::vector<ScanResult>& results, const ReportOptions& options) {
  nlohmann::ordered_json entries = nlohmann::ordered_json::array();
  const auto names = logical_names(results);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ScanResult& result = results[i];
    for (std::size_t k = 0; k < result.findings.size() && entries.size() < kMaxEntries; ++k) {
      const Finding& finding = result.findings[k];
      if (is_excepted(decision_of(result, k))) continue;
      const ReportPlace place = finding_place(finding, result.image, options);
      const std::string print = fingerprint(finding, names[i], place.file);
      if (!seen.insert(print).second) continue;
      nlohmann::ordered_json entry;
      entry["type"] = "issue";
      entry["check_name"] = report_line(finding.id, 200);
      entry["description"] = describe(finding, names[i]);
      entry["categories"] = {"Security"};
      entry["severity"] = severity_word(finding.severity);
      entry["fingerprint"] = print;
      entry["location"] = {{"path", place.file}, {"lines", {{"begin", place.line}}}};
      entries.push_back(std::move(entry));
    }
  }
  return dump_json(entries, 1) + "\n";
}

}  // namespace scangate
