// Everything a scan knows, for machines. docs/reports.md lists the fields; "schemaVersion" is raised when one changes
// its meaning or goes.
#include "base/json/json.h"

#include "scan/model/fix_name.h"
#include "scan/report/formats.h"
#include "scan/report/report_text.h"

namespace scangate {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;

Json time_or_null(const std::optional<TimePoint>& time) {
  return time ? Json(format_rfc3339(*time)) : Json();
}

Json place_json(const std::optional<SourcePlace>& place) {
  if (!place) return {};
  return {{"file", place->file}, {"line", place->line}};
}

Json package_json(const Package& package, const OsRelease& os) {
  Json json;
  json["purl"] = purl(package, os);
  json["type"] = package.type;
  json["namespace"] = package.name_space;
  json["name"] = package.name;
  json["version"] = package.version;
  json["architecture"] = package.architecture;
  json["sourceName"] = package.source_name;
  json["sourceVersion"] = package.source_version;
  json["licences"] = package.licences;
  json["paths"] = package.paths;
  json["ownedBy"] = package.owned_by ? Json(*package.owned_by) : Json();
  json["layer"] = package.layer;
  return json;
}

Json finding_json(const ScanResult& result, std::size_t index, const OsRelease& os) {
  const Finding& finding = result.findings[index];
  const Decision& decision = decision_of(result, index);
  Json json;
  json["key"] = finding_key(finding);
  json["kind"] = finding_kind_name(finding.kind);
  json["id"] = finding.id;
  json["aliases"] = finding.aliases;
  json["severity"] = severity_name(finding.severity);
  json["severitySource"] = finding.severity_source;
  json["cvss"] = Json::array();
  for (const auto& cvss : finding.cvss)
    json["cvss"].push_back({{"vector", cvss.vector}, {"score", cvss.score}});
  json["title"] = finding.title;
  json["description"] = finding.description;
  json["detail"] = finding.detail;
  json["remedy"] = finding.remedy;
  if (finding.package) {
    json["package"] = {{"purl", purl(*finding.package, os)},
                       {"type", finding.package->type},
                       {"name", package_label(finding)},
                       {"version", finding.package->version},
                       {"sourceName", finding.package->source_name},
                       {"sourceVersion", finding.package->source_version},
                       {"paths", finding.package->paths}};
  } else {
    json["package"] = nullptr;
  }
  json["fix"] = fix_name(finding.fix);
  json["fixedVersions"] = finding.fixed_versions;
  json["layer"] = finding.layer ? Json(*finding.layer) : Json();
  json["place"] = place_json(finding.place);
  json["inBase"] = finding.in_base;
  json["references"] = finding.references;
  json["sources"] = finding.sources;
  json["published"] = time_or_null(finding.published);
  json["decision"] = {{"action", action_name(decision.action)}, {"rule", decision.rule}, {"reason", decision.reason}};
  return json;
}

Json image_json(const ImageFacts& image) {
  Json json;
  json["name"] = image.name;
  json["manifestDigest"] = image.manifest_digest.str();
  json["configDigest"] = image.config_digest.str();
  json["base"] = image.base_name;
  json["dockerfile"] = image.dockerfile ? Json(*image.dockerfile) : Json();
  json["platform"] = image.config.os + "/" + image.config.architecture;
  json["created"] = time_or_null(image.config.created);
  json["user"] = image.config.user;
  json["exposedPorts"] = image.config.exposed_ports;
  // Variables and labels may hold secrets: they stay out.
  json["layers"] = Json::array();
  for (const auto& layer : image.layers) {
    json["layers"].push_back({{"diffId", layer.diff_id.digest.str()},
                              {"isBase", layer.is_base},
                              {"place", place_json(layer.place)},
                              {"stage", layer.stage}});
  }
  return json;
}

Json result_json(const ScanResult& result) {
  const OsRelease os = result.inventory.os.value_or(OsRelease{});
  Json json;
  json["image"] = image_json(result.image);
  json["started"] = format_rfc3339(result.started);
  json["ended"] = format_rfc3339(result.ended);
  json["verdict"] = {{"outcome", outcome_name(result.verdict.outcome)},
                     {"policy", result.verdict.policy},
                     {"reasons", result.verdict.reasons}};
  json["os"] = nullptr;
  if (result.inventory.os) {
    json["os"] = {
        {"id", os.id}, {"versionId", os.version_id}, {"codename", os.version_codename}, {"prettyName", os.pretty_name}};
  }
  json["findings"] = Json::array();
  for (std::size_t i = 0; i < result.findings.size(); ++i)
    json["findings"].push_back(finding_json(result, i, os));
  json["packages"] = Json::array();
  for (const auto& package : result.inventory.packages)
    json["packages"].push_back(package_json(package, os));
  json["problems"] = Json::array();
  for (const auto& problem : result.inventory.problems) {
    json["problems"].push_back({{"path", problem.path},
                                {"layer", problem.layer},
                                {"cause", problem.cause},
                                {"incomplete", problem.incomplete}});
  }
  json["coverage"] = Json::array();
  for (const auto& coverage : result.coverage) {
    json["coverage"].push_back(
        {{"ecosystem", coverage.ecosystem}, {"packages", coverage.packages}, {"hasData", coverage.has_data}});
  }
  json["data"] = Json::array();
  for (const auto& source : result.data) {
    json["data"].push_back({{"name", source.name},
                            {"records", source.records},
                            {"newest", time_or_null(source.newest)},
                            {"imported", time_or_null(source.imported)}});
  }
  json["notes"] = result.notes;
  return json;
}

}  // namespace

std::string render_json(const std::vector<ScanResult>& results, const ReportOptions& options) {
  Json report;
  report["schemaVersion"] = kSchemaVersion;
  report["tool"] = {{"name", "scangate"}, {"version", options.tool_version}};
  report["images"] = Json::array();
  for (const auto& result : results)
    report["images"].push_back(result_json(result));
  return dump_json(report, 1) + "\n";
}

}  // namespace scangate
