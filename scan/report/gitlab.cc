// GitLab container scanning report, schema 15.0.7: the newest version that every GitLab since 15.4 takes.
#include <algorithm>
#include <set>

#include "base/digest.h"
#include "base/json/json.h"
#include "base/text.h"
#include "scan/report/formats.h"
#include "scan/report/report_text.h"

namespace scangate {
namespace {

using Json = nlohmann::ordered_json;

// Some 1.5 KB each: half of the 150 MB that GitLab takes by default.
constexpr std::size_t kMaxVulnerabilities = 50'000;
// Limits of the schema.
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxSolutionBytes = 7'000;
constexpr std::size_t kMaxVectorBytes = 128;
constexpr std::size_t kMaxDescriptionBytes = 20'000;  // the schema has a megabyte
constexpr std::size_t kMaxVectors = 10;
constexpr std::size_t kMaxLinks = 20;
constexpr std::size_t kMaxIdentifiers = 20;

std::string_view severity_word(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return "Critical";
    case Severity::high:
      return "High";
    case Severity::medium:
      return "Medium";
    case Severity::low:
      return "Low";
    case Severity::negligible:
      return "Info";
    case Severity::unknown:
      break;
  }
  return "Unknown";
}

bool is_url(std::string_view url) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size()) return true;
  }
  return false;
}

Json identifier(std::string_view raw) {
  const std::string id = report_line(raw, 200);
  std::string type = to_lower(id.substr(0, id.find('-')));
  std::string url;
  if (id.starts_with("CVE-")) {
    url = "https://nvd.nist.gov/vuln/detail/" + id;
  } else if (id.starts_with("GHSA-")) {
    url = "https://github.com/advisories/" + id;
  } else {
    url = "https://osv.dev/vulnerability/" + id;
  }
  const bool plain = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  });
  if (type.empty()) type = "advisory";
  Json json{{"type", type}, {"name", id}, {"value", id}};
  // Ids of converters lead nowhere.
  if (plain && !id.starts_with("x_")) json["url"] = url;
  return json;
}

Json identifiers(const Finding& finding) {
  Json list = Json::array();
  list.push_back(identifier(finding.id.empty() ? "finding" : finding.id));
  for (const auto& alias : finding.aliases) {
    if (!alias.empty() && list.size() < kMaxIdentifiers) list.push_back(identifier(alias));
  }
  return list;
}

// Version 4 is not in the schema and would make GitLab refuse the whole report. A vector that gives a score here may
// still be one the schema's patterns refuse: optional metrics are left out by keeping the base ones alone.
std::string schema_vector(const Cvss& cvss) {
  const bool three = cvss.vector.starts_with("CVSS:3.0/") || cvss.vector.starts_with("CVSS:3.1/");
  if (!three || !cvss_base_score(cvss.vector)) return {};
  std::string out = cvss.vector.substr(0, 8);
  const auto parts = split(cvss.vector, '/');
  for (const std::string_view metric : {"AV:", "AC:", "PR:", "UI:", "S:", "C:", "I:", "A:"}) {
    const auto at =
        std::find_if(parts.begin() + 1, parts.end(), [&](const auto& part) { return part.starts_with(metric); });
    if (at == parts.end()) return {};
    out += "/" + *at;
  }
  return out.size() <= kMaxVectorBytes ? out : std::string();
}

Json cvss_vectors(const Finding& finding) {
  Json list = Json::array();
  std::set<std::string> seen;
  for (const auto& cvss : finding.cvss) {
    const std::string vector = schema_vector(cvss);
    if (vector.empty() || list.size() == kMaxVectors || !seen.insert(vector).second) continue;
    list.push_back({{"vendor", "unknown"}, {"vector", vector}});
  }
  return list;
}

// Same finding, same id, whatever else the report holds.
std::string uuid_of(const std::string& text) {
  const std::string hex = Digest::of(text).hex();
  // RFC 9562: version 8 (made by a rule of our own), variant 10.
  return fmt::format("{}-{}-8{}-a{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(13, 3), hex.substr(17, 3),
                     hex.substr(20, 12));
}

Json text_detail(std::string_view name, const std::string& value) {
  return {{"name", name}, {"type", "text"}, {"value", value}};
}

// GitLab takes the name without its tag as part of the finding's identity, and an image without a tag for one without a
// name.
std::string tagged(const ImageName& name) {
  return name.repository + ":" + (name.tag.empty() ? "latest" : name.tag);
}

Json vulnerability(const ScanResult& result, std::size_t index, const std::string& logical, const std::string& id) {
  const Finding& finding = result.findings[index];
  const ImageName image = parse_image_name(result.image.name);
  Json json;
  json["id"] = id;
  json["name"] = report_line(finding.title.empty() ? finding.id : finding.title, kMaxNameBytes);
  json["description"] =
      report_paragraph(finding.description.empty() ? finding.title : finding.description, kMaxDescriptionBytes);
  json["severity"] = severity_word(finding.severity);
  json["solution"] = report_line(finding.remedy, kMaxSolutionBytes);
  json["identifiers"] = identifiers(finding);
  if (Json vectors = cvss_vectors(finding); !vectors.empty()) json["cvss_vectors"] = std::move(vectors);
  Json links = Json::array();
  for (const auto& reference : finding.references) {
    const std::string url = report_line(reference, 1'000);
    if (is_url(url) && links.size() < kMaxLinks) links.push_back({{"url", url}});
  }
  json["links"] = std::move(links);
  json["location"] = {
      {"dependency",
       {{"package", {{"name", package_label(finding)}}}, {"version", report_line(finding.package->version, 200)}}},
      {"operating_system", os_text(result.inventory)},
      {"image", tagged(image)}};
  const Decision& decision = decision_of(result, index);
  Json details;
  details["fixed"] = text_detail("Fixed version", fixed_text(finding));
  details["where"] = text_detail("Brought by", finding_where(finding, result.image));
  details["digest"] = text_detail("Image digest", result.image.manifest_digest.str());
  details["image"] = text_detail("Image", logical);
  details["policy"] =
      text_detail("Policy", fmt::format("{}{}{}", action_name(decision.action), decision.rule.empty() ? "" : " by ",
                                        report_line(decision.rule, 200)));
  json["details"] = std::move(details);
  return json;
}

}  // namespace

std::string render_gitlab(const std::vector<ScanResult>& results, const ReportOptions& options) {
  const std::string version = options.tool_version.empty() ? "0" : report_line(options.tool_version, 100);
  const auto names = logical_names(results);
  Json vulnerabilities = Json::array();
  Json messages = Json::array();
  std::set<std::string> seen;
  std::size_t left_out = 0;
  bool decided = true;
  TimePoint start = results.empty() ? TimePoint{} : results.front().started;
  TimePoint end = start;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const ScanResult& result = results[i];
    start = std::min(start, result.started);
    end = std::max(end, result.ended);
    if (result.verdict.outcome == Outcome::undecided) {
      decided = false;
      messages.push_back({{"level", "fatal"}, {"value", verdict_line(result)}});
    }
    for (std::size_t k = 0; k < result.findings.size(); ++k) {
      const Finding& finding = result.findings[k];
      if (finding.kind != FindingKind::vulnerability || !finding.package) continue;
      const std::string id = uuid_of(finding_key(finding) + "\n" + names[i] + "\n" + finding.package->version + "\n" +
                                     finding.package->architecture);
      if (!seen.insert(id).second) continue;
      if (vulnerabilities.size() == kMaxVulnerabilities) {
        ++left_out;
        continue;
      }
      vulnerabilities.push_back(vulnerability(result, k, names[i], id));
    }
  }
  if (left_out > 0)
    messages.push_back({{"level", "warn"}, {"value", fmt::format("{} more vulnerabilities are not listed", left_out)}});

  const Json tool{{"id", "scangate"}, {"name", "scangate"}, {"version", version}, {"vendor", {{"name", "scangate"}}}};
  Json report;
  report["version"] = "15.0.7";
  report["scan"] = {{"analyzer", tool},
                    {"scanner", tool},
                    {"type", "container_scanning"},
                    {"start_time", format_utc_bare(start)},
                    {"end_time", format_utc_bare(end)},
                    {"status", decided ? "success" : "failure"}};
  if (!messages.empty()) report["scan"]["messages"] = std::move(messages);
  report["vulnerabilities"] = std::move(vulnerabilities);
  return dump_json(report, 1) + "\n";
}

}  // namespace scangate
