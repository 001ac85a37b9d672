// GitLab Code Quality: app/validators/json_schemas/codeclimate.json. One invalid entry drops all after it, and entries
// of one fingerprint collapse: every string is cleaned and every fingerprint appears once.
#include <algorithm>
#include <array>
#include <map>
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

// How a Dockerfile is written; all other rules are about what it does.
constexpr auto kStyleRules = std::to_array<std::string_view>(
    {"ConsistentInstructionCasing", "ExposeProtoCasing", "FromAsCasing", "InvalidDefinitionDescription",
     "JSONArgsRecommended", "LegacyKeyValueFormat", "MaintainerDeprecated", "NoEmptyContinuation",
     "RedundantTargetPlatform", "StageNameCasing"});
constexpr std::string_view kSecretRule = "SecretsUsedInArgOrEnv";

class Entries {
 public:
  bool full() const { return entries_.size() >= kMaxEntries; }

  void add(const std::string& rule, const std::string& description, std::string_view category,
           std::string_view severity, const std::string& print, const ReportPlace& place) {
    if (full() || !seen_.insert(print).second) return;
    nlohmann::ordered_json entry;
    entry["type"] = "issue";
    entry["check_name"] = report_line(rule, 200);
    entry["description"] = description;
    entry["categories"] = {category};
    entry["severity"] = severity;
    entry["fingerprint"] = print;
    entry["location"] = {{"path", place.file}, {"lines", {{"begin", place.line}}}};
    entries_.push_back(std::move(entry));
  }

  void add(const Remark& remark, const ReportOptions& options) {
    const bool secret = remark.rule == kSecretRule;
    const bool style = std::ranges::find(kStyleRules, remark.rule) != kStyleRules.end();
    Finding placed;
    placed.place = remark.place;
    const ReportPlace place = finding_place(placed, {}, options);
    // Without the line, as above: so what is said of two lines alike is counted.
    const std::string what = remark.rule + "\n" + place.file + "\n" + remark.text;
    const std::string print = Digest::of(fmt::format("{}\n{}", what, ++said_[what])).hex();
    add(remark.rule, report_line(fmt::format("{} ({})", remark.text, remark.rule), kMaxDescriptionBytes),
        secret  ? "Security"
        : style ? "Style"
                : "Bug Risk",
        secret  ? "major"
        : style ? "info"
                : "minor",
        print, place);
  }

  std::string text() const { return dump_json(entries_, 1) + "\n"; }

 private:
  nlohmann::ordered_json entries_ = nlohmann::ordered_json::array();
  std::set<std::string> seen_;
  std::map<std::string, std::size_t> said_;
};

}  // namespace

std::string render_codequality(const std::vector<ScanResult>& results, const ReportOptions& options) {
  Entries entries;
  const auto names = logical_names(results);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ScanResult& result = results[i];
    for (std::size_t k = 0; k < result.findings.size() && !entries.full(); ++k) {
      const Finding& finding = result.findings[k];
      if (is_excepted(decision_of(result, k))) continue;
      const ReportPlace place = finding_place(finding, result.image, options);
      entries.add(finding.id, describe(finding, names[i]), "Security", severity_word(finding.severity),
                  fingerprint(finding, names[i], place.file), place);
    }
  }
  for (const Remark& remark : options.remarks)
    entries.add(remark, options);
  return entries.text();
}

}  // namespace scangate
