#include "executor/session/job_reports.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/text.h"
#include "executor/session/job_step.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::array kReportFormats = {ReportFormat::json, ReportFormat::junit, ReportFormat::gitlab,
                                       ReportFormat::codequality};

Result<void> write_in(int folder, const std::string& path, std::string_view text) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (open_in_root(folder, parent, O_PATH | O_DIRECTORY)) continue;
    const std::size_t above = parent.rfind('/');
    SCANGATE_TRY(const UniqueFd base, open_in_root(folder, above == std::string::npos ? "." : parent.substr(0, above),
                                                   O_PATH | O_DIRECTORY));
    if (mkdirat(base.get(), parent.substr(above == std::string::npos ? 0 : above + 1).c_str(), 0755) != 0 &&
        errno != EEXIST)
      return fail(host_error("cannot create folder " + parent, errno));
  }
  SCANGATE_TRY(const UniqueFd file, open_in_root(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  return write_fd(file.get(), as_bytes(text), path);
}

bool is_there(int folder, const std::string& path) {
  return open_in_root(folder, path, O_PATH | O_NOFOLLOW).has_value();
}

}  // namespace

std::string file_for_declared(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.ends_with("/") || path.find_first_of("?[]{}\\") != std::string::npos)
    return {};
  std::string out;
  for (const auto& part : split(path, '/')) {
    if (part == "..") return {};
    if (part.empty() || part == "." || part == "**") continue;  // "**" fits no folder at all, too
    if (!out.empty()) out += '/';
    for (std::size_t i = 0; i < part.size(); ++i)
      if (part[i] != '*')
        out += part[i];
      else if (i == 0 || part[i - 1] != '*')
        out += "scangate";
  }
  // "reports/**": everything below.
  return path.ends_with("**") ? std::string() : out;
}

std::vector<JobReport> render_job_reports(const std::vector<ScanResult>& scans, const std::vector<Remark>& remarks,
                                          const Policy& policy) {
  ReportOptions options = report_options(policy);
  options.remarks = remarks;
  std::vector<JobReport> out;
  for (const ReportFormat format : kReportFormats)
    if (!scans.empty() || format == ReportFormat::codequality)
      out.push_back({report_file(format), render_report(format, scans, options)});
  return out;
}

Result<WrittenReports> write_job_reports(const std::vector<JobReport>& reports, const fs::path& project,
                                         const std::vector<DeclaredReport>& declared,
                                         const std::vector<std::string>& own) {
  WrittenReports out;
  SCANGATE_TRY(const UniqueFd folder, open_file(project, O_PATH | O_DIRECTORY));
  for (const auto& report : reports) {
    const std::string usual = fmt::format("{}/{}", kReportFolder, report.file.name);
    SCANGATE_CHECK(write_in(folder.get(), usual, report.text));
    out.files.push_back(usual);
    for (const auto& place : declared) {
      if (report.file.artifact_type.empty() || place.type != report.file.artifact_type) continue;
      const std::string path = file_for_declared(place.path);
      const auto cannot = [&](const std::string& why) {
        out.warnings.push_back(fmt::format("the {} report is in {}, not at the declared path '{}': {}", place.type,
                                           usual, place.path, why));
      };
      if (path.empty()) {
        cannot("no single file can be named by it");
      } else if (path == usual) {
        continue;
      } else if (is_there(folder.get(), path) && std::find(own.begin(), own.end(), path) == own.end()) {
        cannot("the job's own file is there");
      } else if (auto written = write_in(folder.get(), path, report.text); !written) {
        cannot(written.error().text());
      } else {
        out.files.push_back(path);
      }
    }
  }
  return out;
}

}  // namespace scangate
