#include "scan/report/report.h"

#include <array>
#include <utility>

#include "scan/report/formats.h"

namespace scangate {
namespace {

struct Format {
  ReportFormat format;
  std::string_view name;
  ReportFile file;
};

// Names and pairs of type and format: GitLab, app/models/concerns/enums/ci/job_artifact.rb.
constexpr std::array kFormats{
    Format{ReportFormat::table, "table", {"scangate-report.txt", "", ""}},
    Format{ReportFormat::json, "json", {"scangate-report.json", "", ""}},
    Format{ReportFormat::junit, "junit", {"junit.xml", "junit", "gzip"}},
    Format{ReportFormat::gitlab, "gitlab", {"gl-container-scanning-report.json", "container_scanning", "raw"}},
    Format{ReportFormat::codequality, "codequality", {"gl-code-quality-report.json", "codequality", "raw"}},
};

const Format& entry(ReportFormat format) {
  for (const auto& one : kFormats) {
    if (one.format == format) return one;
  }
  return kFormats.front();
}

}  // namespace

std::optional<ReportFormat> parse_report_format(std::string_view name) {
  for (const auto& one : kFormats) {
    if (one.name == name) return one.format;
  }
  return std::nullopt;
}

std::string_view report_format_name(ReportFormat format) {
  return entry(format).name;
}

ReportFile report_file(ReportFormat format) {
  return entry(format).file;
}

std::string render_report(ReportFormat format, const std::vector<ScanResult>& results, const ReportOptions& options) {
  switch (format) {
    case ReportFormat::json:
      return render_json(results, options);
    case ReportFormat::junit:
      return render_junit(results, options);
    case ReportFormat::gitlab:
      return render_gitlab(results, options);
    case ReportFormat::codequality:
      return render_codequality(results, options);
    case ReportFormat::table:
      break;
  }
  return render_table(results, options);
}

}  // namespace scangate
