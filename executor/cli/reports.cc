#include "executor/cli/reports.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "executor/session/job_step.h"
#include "scan/report/report.h"

namespace scangate::cli {
namespace {

Result<ReportFormat> format_of(std::string_view name) {
  if (const auto format = parse_report_format(name)) return *format;
  return fail(Error(Fault::user, fmt::format("unknown report format '{}'", name)).remedy("known: table, json, junit, gitlab, codequality"));
}

struct Further {
  ReportFormat format;
  std::string file;
};

Result<Further> split_order(const std::string& order) {
  const std::size_t equals = order.find('=');
  if (equals == std::string::npos || equals + 1 == order.size())
    return fail(Error(Fault::user, fmt::format("--report '{}' is not FORMAT=FILE", order)).remedy("for example --report junit=report.xml"));
  SCANGATE_TRY(const ReportFormat format, format_of(order.substr(0, equals)));
  return Further{format, order.substr(equals + 1)};
}

ReportOptions options_for(const Policy& policy, bool terminal) {
  ReportOptions options = report_options(policy);
  if (!terminal) return options;
  options.colour = Colour::always;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 60) options.width = size.ws_col;
  return options;
}

}  // namespace

Result<void> check_report_orders(const ReportOrders& orders) {
  SCANGATE_TRY([[maybe_unused]] const ReportFormat format, format_of(orders.format));
  for (const auto& order : orders.further) {
    SCANGATE_TRY([[maybe_unused]] const Further further, split_order(order));
  }
  return {};
}

Result<void> write_reports(const Context& context, const ReportOrders& orders, const Policy& policy, const std::vector<ScanResult>& results) {
  SCANGATE_TRY(const ReportFormat format, format_of(orders.format));
  const bool to_stdout = orders.output.empty() || orders.output == "-";
  const bool colours = to_stdout && isatty(STDOUT_FILENO) == 1 && !environment_value(context.environment, "NO_COLOR");
  const std::string text = render_report(format, results, options_for(policy, colours));
  if (to_stdout) {
    SCANGATE_CHECK(context.print(text));
  } else {
    SCANGATE_CHECK(write_file_atomic(orders.output, as_bytes(text)));
  }
  for (const auto& order : orders.further) {
    SCANGATE_TRY(const Further further, split_order(order));
    SCANGATE_CHECK(write_file_atomic(further.file, as_bytes(render_report(further.format, results, options_for(policy, false)))));
  }
  return {};
}

}  // namespace scangate::cli
