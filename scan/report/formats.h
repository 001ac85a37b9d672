#pragma once
// One function a format; report.cc picks.
#include <string>
#include <vector>

#include "scan/report/report.h"

namespace scangate {

std::string render_table(const std::vector<ScanResult>& results, const ReportOptions& options);
std::string render_json(const std::vector<ScanResult>& results, const ReportOptions& options);
std::string render_junit(const std::vector<ScanResult>& results, const ReportOptions& options);
std::string render_gitlab(const std::vector<ScanResult>& results, const ReportOptions& options);
std::string render_codequality(const std::vector<ScanResult>& results, const ReportOptions& options);

}  // namespace scangate
