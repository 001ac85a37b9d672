#pragma once
// --format, -o and --report FORMAT=FILE of commands that scan.
#include <string>
#include <vector>

#include "executor/cli/context.h"
#include "scan/model/verdict.h"
#include "scan/policy/policy.h"

namespace scangate::cli {

struct ReportOrders {
  std::string format = "table";
  std::string output;                // empty or "-": standard output
  std::vector<std::string> further;  // "junit=report.xml"
};

// Refuses unknown formats before any work is done.
Result<void> check_report_orders(const ReportOrders& orders);
Result<void> write_reports(const Context& context, const ReportOrders& orders, const Policy& policy, const std::vector<ScanResult>& results);

}  // namespace scangate::cli
