#pragma once
// The reports over all images of a job, as files in its project.
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "scan/policy/policy.h"
#include "scan/report/report.h"

namespace scangate {

// Where every report goes, whether declared or not.
inline constexpr std::string_view kReportFolder = "scangate-reports";

struct JobReport {
  ReportFile file;
  std::string text;
};
// All formats that a job leaves, over all its images. Without any image it is what there is to say of Dockerfiles
// alone: a report of scans would say that there was one, and nothing found.
std::vector<JobReport> render_job_reports(const std::vector<ScanResult>& scans, const std::vector<Remark>& remarks,
                                          const Policy& policy);

struct DeclaredReport {
  std::string type;  // GitLab's artifact type: "junit"
  std::string path;  // relative to the project folder; "rspec-*.xml"
};

struct WrittenReports {
  std::vector<std::string> files;     // relative to the project
  std::vector<std::string> warnings;  // declared reports that could not be written where they are declared
};

// Writes the reports below `<project>/scangate-reports/`, and where the job's YAML declares a report type there too: a
// pattern gets a file whose name fits it, and a file that the job's own script made is left alone, unless it is one of
// `own`, the files an earlier call wrote. Everything is opened inside the project folder: a symlink the job left cannot
// lead the write elsewhere.
Result<WrittenReports> write_job_reports(const std::vector<JobReport>& reports, const std::filesystem::path& project,
                                         const std::vector<DeclaredReport>& declared,
                                         const std::vector<std::string>& own);

// A path that the declared one matches: itself, or with "scangate" for its stars ("out/rspec-*.xml" gives
// "out/rspec-scangate.xml", "**/TEST.xml" gives "TEST.xml"). Empty when it has other wildcards, leads out of the
// project or ends in a slash.
std::string file_for_declared(const std::string& path);

}  // namespace scangate
