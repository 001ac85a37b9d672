#include "scan/report/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"

namespace scangate {
namespace {

// U+FFFE and U+FFFF are UTF-8, but no XML character.
std::string without_noncharacters(std::string text) {
  for (const std::string_view bad : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {
    for (auto at = text.find(bad); at != std::string::npos; at = text.find(bad, at))
      text.replace(at, bad.size(), "\xEF\xBF\xBD");
  }
  return text;
}

std::string cut(std::string text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  constexpr std::string_view kEllipsis = "…";
  std::size_t end = max_bytes > kEllipsis.size() ? max_bytes - kEllipsis.size() : 0;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  text.resize(end);
  text += kEllipsis;
  return text;
}

std::string relative(std::string file) {
  while (file.starts_with("./"))
    file.erase(0, 2);
  while (file.starts_with('/'))
    file.erase(0, 1);
  return file;
}

}  // namespace

std::string report_paragraph(std::string_view text, std::size_t max_bytes) {
  // printable() may quadruple the size; no need to do that to what is cut off anyway.
  return cut(without_noncharacters(printable(text.substr(0, max_bytes + 4))), max_bytes);
}

std::string report_line(std::string_view text, std::size_t max_bytes) {
  std::string line = report_paragraph(text, max_bytes);
  std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
}

std::string xml_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

ImageName parse_image_name(std::string_view name) {
  constexpr std::size_t kMaxNameBytes = 300;
  std::string rest = report_line(name, kMaxNameBytes);
  ImageName parsed;
  for (const std::string_view scheme : {"registry:", "docker://"}) {
    if (rest.starts_with(scheme)) rest.erase(0, scheme.size());
  }
  // A file or folder as the source: its last part names the image.
  for (const std::string_view scheme : {"dir:", "oci:", "oci-archive:", "docker-archive:", "sbom:"}) {
    if (!rest.starts_with(scheme)) continue;
    rest.erase(0, scheme.size());
    while (rest.size() > 1 && rest.ends_with('/'))
      rest.pop_back();
    if (const auto slash = rest.rfind('/'); slash != std::string::npos) rest.erase(0, slash + 1);
    break;
  }
  if (const auto at = rest.find('@'); at != std::string::npos) rest.resize(at);
  const auto colon = rest.rfind(':');
  if (colon != std::string::npos && rest.find('/', colon) == std::string::npos) {
    parsed.tag = rest.substr(colon + 1);
    rest.resize(colon);
  }
  if (rest.empty()) rest = "image";
  parsed.repository = rest;
  // Distribution references: the first part is a host when it holds a dot or a port, or is localhost.
  const auto slash = rest.find('/');
  const std::string first = rest.substr(0, slash);
  const bool host =
      slash != std::string::npos && (first.find_first_of(".:") != std::string::npos || first == "localhost");
  parsed.path = host ? rest.substr(slash + 1) : rest;
  if (parsed.path.empty()) parsed.path = "image";
  return parsed;
}

std::vector<std::string> logical_names(const std::vector<ScanResult>& results) {
  std::map<std::string, int> paths;
  for (const auto& result : results)
    ++paths[parse_image_name(result.image.name).path];
  std::vector<std::string> names;
  std::map<std::string, int> used;
  for (const auto& result : results) {
    const ImageName name = parse_image_name(result.image.name);
    std::string logical = name.path;
    if (paths[name.path] > 1 && !name.tag.empty()) logical += ":" + name.tag;
    // The same image scanned twice in one job.
    if (const int before = used[logical]++; before > 0) logical += fmt::format("#{}", before + 1);
    names.push_back(std::move(logical));
  }
  return names;
}

std::string package_label(const Finding& finding) {
  constexpr std::size_t kMaxPackageBytes = 200;
  if (!finding.package) return {};
  const Package& package = *finding.package;
  const bool scoped = package.type == "npm" && !package.name_space.empty();
  return report_line(scoped ? package.name_space + "/" + package.name : package.name, kMaxPackageBytes);
}

std::string finding_label(const Finding& finding) {
  constexpr std::size_t kMaxIdBytes = 200;
  std::string label = report_line(finding.id, kMaxIdBytes);
  if (label.empty()) label = "finding";
  if (finding.package) label += " " + package_label(finding);
  if (!finding.detail.empty()) label += " " + report_line(finding.detail, kMaxIdBytes);
  return label;
}

ReportPlace finding_place(const Finding& finding, const ImageFacts& image, const ReportOptions& options) {
  constexpr std::size_t kMaxPathBytes = 1'000;
  ReportPlace place;
  if (finding.place) {
    place.file = relative(report_line(finding.place->file, kMaxPathBytes));
    place.line = std::max(1, finding.place->line);
  }
  if (place.file.empty() && image.dockerfile) place.file = relative(report_line(*image.dockerfile, kMaxPathBytes));
  if (place.file.empty()) place.file = relative(options.default_dockerfile);
  if (place.file.empty()) place.file = "Dockerfile";
  return place;
}

std::string finding_where(const Finding& finding, const ImageFacts& image) {
  constexpr std::size_t kMaxWhereBytes = 120;
  const std::string base = image.base_name.empty() ? "base image" : "base " + image.base_name;
  if (finding.place) {
    const std::string place = fmt::format("{}:{}", finding.place->file, finding.place->line);
    return report_line(finding.in_base ? fmt::format("{} ({})", place, base) : place, kMaxWhereBytes);
  }
  if (finding.in_base) return report_line(base, kMaxWhereBytes);
  if (finding.layer) return fmt::format("layer {}", *finding.layer + 1);
  return finding.kind == FindingKind::config ? "image config" : "";
}

std::string fixed_text(const Finding& finding) {
  constexpr std::size_t kMaxFixedBytes = 120;
  if (!finding.fixed_versions.empty()) return report_line(finding.fixed_versions.front(), kMaxFixedBytes);
  switch (finding.fix) {
    case FixState::not_fixed:
      return "none yet";
    case FixState::will_not_fix:
      return "will not be fixed";
    case FixState::fixed:
    case FixState::unknown:
      break;
  }
  return "not known";
}

std::string os_text(const Inventory& inventory) {
  constexpr std::size_t kMaxOsBytes = 100;
  if (!inventory.os) return "no distribution";
  const OsRelease& os = *inventory.os;
  if (!os.pretty_name.empty()) return report_line(os.pretty_name, kMaxOsBytes);
  const std::string text = report_line(os.version_id.empty() ? os.id : os.id + " " + os.version_id, kMaxOsBytes);
  return text.empty() ? "unknown distribution" : text;
}

const Decision& decision_of(const ScanResult& result, std::size_t index) {
  static const Decision kNone;
  return index < result.verdict.decisions.size() ? result.verdict.decisions[index] : kNone;
}

bool is_excepted(const Decision& decision) {
  return decision.action == Action::ignore && decision.rule.starts_with("exception ");
}

}  // namespace scangate
