#pragma once
// One scan result (or all of a job) in the formats people and GitLab read. /docs/reports.md.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "scan/model/remark.h"
#include "scan/model/verdict.h"

namespace scangate {

enum class ReportFormat { table, json, junit, gitlab, codequality };
std::optional<ReportFormat> parse_report_format(std::string_view name);
std::string_view report_format_name(ReportFormat format);
// "gl-container-scanning-report.json": what GitLab's documentation calls the file; artifact type and format as its job
// API wants them.
struct ReportFile {
  std::string_view name;
  std::string_view artifact_type;    // "container_scanning"; empty: not a GitLab report type
  std::string_view artifact_format;  // "raw" or "gzip"
};
ReportFile report_file(ReportFormat format);

enum class Colour { never, always };

struct ReportOptions {
  Colour colour = Colour::never;  // table only
  int width = 100;                // table only: columns of the terminal
  std::string tool_version;
  std::string default_dockerfile = "Dockerfile";  // Code Quality path for findings without a place
  std::vector<std::string> rules;  // JUnit only: names of the policy's rules (Policy::rules()); those that nothing
                                   // broke become passing cases, by which GitLab sees what was resolved
  std::vector<Remark> remarks;     // Code Quality only: what builds said of their Dockerfiles
};

// Text of a report over all images of a job, oldest first. A report is valid against its schema whatever the image
// holds: strings are cut and cleaned. Two images of one repository are kept apart by name.
std::string render_report(ReportFormat format, const std::vector<ScanResult>& results, const ReportOptions& options);

// The last line a user reads: "STOP  127.0.0.1:5000/app:1: 3 rules stopped it: …".
std::string verdict_line(const ScanResult& result);

}  // namespace scangate
