#pragma once
// Strings of images made fit for reports, and the names reports go by.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scan/model/verdict.h"
#include "scan/report/report.h"

namespace scangate {

// Printable, UTF-8, no line ends, at most `max_bytes` with "…" where something was left out.
std::string report_line(std::string_view text, std::size_t max_bytes);
// The same with line ends kept.
std::string report_paragraph(std::string_view text, std::size_t max_bytes);
// &, <, >, " and ' replaced; what XML 1.0 has no place for (section 2.2) was replaced by the two above already.
std::string xml_escape(std::string_view text);

// "127.0.0.1:5000/group/app:1" -> registry and port left out, since they differ between runs.
struct ImageName {
  std::string repository;  // "127.0.0.1:5000/group/app"
  std::string path;        // "group/app"
  std::string tag;         // "1"; empty when there is none
};
ImageName parse_image_name(std::string_view name);
// One a result: "group/app", or "group/app:1" where several images of the job share the path. Stable over tags as long
// as a job builds one image of a repository.
std::vector<std::string> logical_names(const std::vector<ScanResult>& results);

// "@scope/name" for npm, the name for everything else; empty without a package.
std::string package_label(const Finding& finding);
// "CVE-2023-30861 flask", "exposed-port 22/tcp": no version, line or tag.
std::string finding_label(const Finding& finding);
// Repository-relative, without "./" or a leading slash.
struct ReportPlace {
  std::string file;
  int line = 1;
};
ReportPlace finding_place(const Finding& finding, const ImageFacts& image, const ReportOptions& options);
// "Dockerfile:7", "Dockerfile:1 (base image debian:bookworm)", "layer 3", "base image".
std::string finding_where(const Finding& finding, const ImageFacts& image);
// "2.2.5 or 2.3.2"; "none yet", "will not be fixed", "not known".
std::string fixed_text(const Finding& finding);
std::string os_text(const Inventory& inventory);
// The decision of finding `index`; ignore when the verdict has none for it.
const Decision& decision_of(const ScanResult& result, std::size_t index);
bool is_excepted(const Decision& decision);

}  // namespace scangate
