#include "executor/gate/scanner_answer.h"

#include <algorithm>

#include "base/text.h"
#include "executor/gate/tool_fronts.h"
#include "executor/settings/settings.h"
#include "pipeline/command/scanner.h"
#include "scan/report/report.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// Which of our reports comes nearest to what the scanner was to write.
ReportFormat report_format(std::string_view wanted) {
  const std::string format = to_lower(wanted);
  if (format.find("gitlab") != std::string::npos)
    return format.find("codequality") != std::string::npos ? ReportFormat::codequality : ReportFormat::gitlab;
  if (format.find("junit") != std::string::npos) return ReportFormat::junit;
  if (format.find("json") != std::string::npos) return ReportFormat::json;
  return ReportFormat::table;
}

// Where a path of the container is in the job, by the volumes; empty when it is in none.
std::string in_job(const command::RunRequest& asked, const std::string& path) {
  const std::string absolute = (fs::path(asked.directory.empty() ? "/" : asked.directory) / path).lexically_normal();
  for (const auto& volume : asked.volumes) {
    const std::string inside = fs::path(absolute).lexically_relative(volume.target).string();
    if (volume.source.find('/') == std::string::npos || inside.empty() || inside.starts_with("..")) continue;
    return inside == "." ? volume.source : volume.source + "/" + inside;
  }
  return {};
}

}  // namespace

std::optional<int> answer_scanner(ImageCommands& images, GateCall& call, const command::RunRequest& asked) {
  const auto scanner = command::parse_scanner(asked.image, asked.command);
  if (!scanner) return call.fail_with(scanner.error());
  if (!*scanner) return std::nullopt;
  const command::ScannerRequest& request = **scanner;
  if (request.image.empty()) {
    call.print(
        fmt::format("{} is answered by scangate's own scan; there is nothing to prepare for it\n", request.scanner));
    return 0;
  }
  call.say(fmt::format("{} of {} is answered by scangate's own scan, with this host's data and policy\n",
                       request.scanner, printable(request.image)));
  const auto digest = images.resolve_or_pull(call, request.image);
  if (!digest) return call.fail_with(digest.error(), exit_number(ExitCode::undecided));
  const auto name = Reference::parse(request.image);
  const auto result = images.scan(call, *digest, name ? name->familiar() : request.image);
  if (!result) return call.fail_with(result.error(), exit_number(ExitCode::undecided));
  if (!request.output.empty()) {
    std::string path = in_job(asked, request.output);
    if (!path.empty() && call.files.open_folder(path)) path += "/scangate.json";
    if (path.empty()) {
      call.say(fmt::format("note: the report {} would be in no folder of the job, and is not written\n",
                           printable(request.output)));
    } else {
      const auto written = call.files.write(
          path, render_report(path.ends_with("/scangate.json") ? ReportFormat::json : report_format(request.format),
                              {*result}, ReportOptions{}));
      if (!written) return call.fail_with(written.error());
      call.say(fmt::format("note: {} holds scangate's report, not {}'s\n", printable(path), request.scanner));
    }
  }
  if (images.engine().settings().enforce != Enforce::strict) return 0;
  return exit_number(exit_code_of(result->verdict.outcome));
}

// Anchore's script and Sysdig's, which was made from it, go by one name; only Sysdig's takes a token.
int serve_inline_scan(ImageCommands& images, GateCall& call) {
  command::RunRequest asked;
  asked.command.assign(call.arguments().begin(), call.arguments().end());
  const bool sysdig = std::any_of(asked.command.begin(), asked.command.end(),
                                  [](const std::string& word) { return word == "-k" || word.starts_with("--sysdig"); });
  asked.image = sysdig ? "sysdig/secure-inline-scan" : "anchore/inline-scan";
  asked.volumes.push_back({.source = "/", .target = "/"});  // it writes to the job's own folders
  asked.directory = call.files.absolute(".");
  return answer_scanner(images, call, asked).value_or(kCommandFailed);
}

}  // namespace scangate
