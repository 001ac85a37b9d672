#include "scan/report/spdx.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/digest.h"
#include "base/json/json.h"
#include "base/text.h"
#include "scan/report/report_text.h"
#include "scan/report/spdx_licence.h"

namespace scangate {
namespace {

using Json = nlohmann::ordered_json;

// Of one package: node_modules has a package at many paths.
constexpr std::size_t kMaxPathsShown = 20;
// Names and versions of packages are shorter; hostile ones are not.
constexpr std::size_t kMaxNameBytes = 500;
// A cut locator would name another package.
constexpr std::size_t kMaxLocatorBytes = 4'000;

// SPDX 2.3, clause 3.2.1: letters, digits, "." and "-".
std::string element_id(std::string_view kind, std::string_view name, std::string_view told_apart_by) {
  std::string id = fmt::format("SPDXRef-{}-", kind);
  constexpr std::size_t kShownBytes = 60;
  for (const char c : name.substr(0, kShownBytes))
    id += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ? c : '-';
  return id + "-" + Digest::of(told_apart_by).hex().substr(0, 16);
}

Json element(const std::string& id, std::string_view name, std::string_view version) {
  Json out;
  out["SPDXID"] = id;
  out["name"] = report_line(name, kMaxNameBytes);
  if (!version.empty()) out["versionInfo"] = report_line(version, kMaxNameBytes);
  out["downloadLocation"] = "NOASSERTION";
  out["filesAnalyzed"] = false;
  return out;
}

// Where in the image, and from which line of the Dockerfile.
std::string source_info(const Package& package, const ImageFacts& image) {
  std::vector<std::string> parts;
  if (!package.source_name.empty() && package.source_name != package.name)
    parts.push_back(fmt::format("built from {} {}", package.source_name, package.source_version));
  if (!package.paths.empty()) {
    const std::size_t shown = std::min(package.paths.size(), kMaxPathsShown);
    std::string paths;
    for (std::size_t i = 0; i < shown; ++i)
      paths += (i == 0 ? "" : ", ") + package.paths[i];
    if (shown < package.paths.size()) paths += fmt::format(" and {} more", package.paths.size() - shown);
    parts.push_back("found in " + paths);
  }
  if (package.layer < image.layers.size()) {
    const LayerFacts& layer = image.layers[package.layer];
    std::string from = "layer " + layer.diff_id.digest.str();
    if (layer.is_base) from += image.base_name.empty() ? " of the base image" : " of the base image " + image.base_name;
    if (!layer.is_base && layer.place) from += fmt::format(" ({}:{})", layer.place->file, layer.place->line);
    parts.push_back(std::move(from));
  }
  return report_line(fmt::format("{}", fmt::join(parts, "; ")), 4'000);
}

class Document {
 public:
  void add(const SpdxSubject& subject) {
    const ImageFacts& image = subject.image;
    const bool has_digest = image.manifest_digest != Digest();
    const std::string told_apart = image.name + "\n" + image.manifest_digest.str();
    const std::string image_id = fresh(element_id("Image", image.name, told_apart));
    Json whole =
        element(image_id, image.name.empty() ? "image" : image.name, has_digest ? image.manifest_digest.str() : "");
    whole["primaryPackagePurpose"] = "CONTAINER";
    if (has_digest)
      whole["checksums"] = Json::array({{{"algorithm", "SHA256"}, {"checksumValue", image.manifest_digest.hex()}}});
    packages_.push_back(std::move(whole));
    relate("SPDXRef-DOCUMENT", "DESCRIBES", image_id);
    const OsRelease os = subject.inventory.os.value_or(OsRelease());
    if (!os.id.empty()) {
      const std::string id =
          fresh(element_id("OperatingSystem", os.id, os.id + "\n" + os.version_id + "\n" + told_apart));
      Json system = element(id, os.id, os.version_id);
      system["primaryPackagePurpose"] = "OPERATING_SYSTEM";
      if (!os.pretty_name.empty()) system["description"] = report_line(os.pretty_name, kMaxNameBytes);
      packages_.push_back(std::move(system));
      relate(image_id, "CONTAINS", id);
    }
    for (const Package& package : subject.inventory.packages)
      add(package, os, image, image_id, told_apart);
    for (const InventoryProblem& problem : subject.inventory.problems)
      if (problem.incomplete) problems_.insert(report_line(problem.path + ": " + problem.cause, kMaxNameBytes));
    names_.push_back(image.name.empty() ? "image" : image.name);
    identity_.update(told_apart + "\n");
  }

  std::string text(TimePoint created, std::string_view tool_version) {
    Json out;
    out["spdxVersion"] = kSpdxVersion;
    out["dataLicense"] = "CC0-1.0";
    out["SPDXID"] = "SPDXRef-DOCUMENT";
    out["name"] = report_line(fmt::format("{}", fmt::join(names_, ", ")), kMaxNameBytes);
    identity_.update(format_rfc3339(created) + "\n" + dump_json(packages_));
    // What SPDX 2.3, clause 6.5 offers those without a site of their own.
    out["documentNamespace"] = "https://spdx.org/spdxdocs/scangate-" + identity_.finish().hex().substr(0, 32);
    if (!problems_.empty()) {
      std::string comment = "Packages may be missing, since this could not be read:";
      for (const auto& each : problems_)
        comment += " " + each + ";";
      comment.pop_back();
      out["comment"] = report_line(comment, 4'000);
    }
    out["creationInfo"] = {
        {"created", format_rfc3339(created)},
        {"creators",
         {tool_version.empty() ? std::string("Tool: scangate") : fmt::format("Tool: scangate-{}", tool_version)}}};
    if (!licences_.references().empty()) {
      Json& references = out["hasExtractedLicensingInfos"] = Json::array();
      for (const auto& [id, words] : licences_.references())
        references.push_back({{"licenseId", id}, {"extractedText", words}, {"name", words}});
    }
    out["packages"] = std::move(packages_);
    out["relationships"] = std::move(relationships_);
    return dump_json(out);
  }

 private:
  void add(const Package& package, const OsRelease& os, const ImageFacts& image, const std::string& image_id,
           const std::string& told_apart) {
    const std::string locator = purl(package, os);
    std::string identity = locator + "\n" + told_apart;
    for (const auto& path : package.paths)
      identity += "\n" + path;
    const std::string name =
        package.type == "npm" && !package.name_space.empty() ? package.name_space + "/" + package.name : package.name;
    const std::string id = fresh(element_id("Package", package.type + "-" + package.name, identity));
    Json out = element(id, name.empty() ? "unnamed" : name, package.version);
    if (std::string info = source_info(package, image); !info.empty()) out["sourceInfo"] = std::move(info);
    out["licenseConcluded"] = "NOASSERTION";
    out["licenseDeclared"] = licences_.expression(package.licences);
    out["copyrightText"] = "NOASSERTION";
    out["supplier"] = "NOASSERTION";
    if (locator.size() <= kMaxLocatorBytes)
      out["externalRefs"] = Json::array(
          {{{"referenceCategory", "PACKAGE-MANAGER"}, {"referenceType", "purl"}, {"referenceLocator", locator}}});
    packages_.push_back(std::move(out));
    relate(image_id, "CONTAINS", id);
  }

  void relate(const std::string& from, std::string_view how, const std::string& to) {
    relationships_.push_back({{"spdxElementId", from}, {"relationshipType", how}, {"relatedSpdxElement", to}});
  }

  // Ids appear once: two records of one package differ in nothing that the id is made of.
  std::string fresh(const std::string& id) {
    const std::size_t times = ++ids_[id];
    return times == 1 ? id : fmt::format("{}-{}", id, times);
  }

  Json packages_ = Json::array();
  Json relationships_ = Json::array();
  SpdxLicences licences_;
  std::map<std::string, std::size_t> ids_;
  std::set<std::string> problems_;
  std::vector<std::string> names_;
  Sha256 identity_;
};

}  // namespace

std::string spdx_document(const std::vector<SpdxSubject>& subjects, TimePoint created, std::string_view tool_version) {
  Document document;
  for (const SpdxSubject& subject : subjects)
    document.add(subject);
  return document.text(created, tool_version);
}

}  // namespace scangate
