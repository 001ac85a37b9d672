// What a person reads in the terminal and in the job log.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "scan/report/formats.h"
#include "scan/report/grid.h"
#include "scan/report/report_text.h"

namespace scangate {
namespace {

// What stops or warns is listed up to this; beyond it nobody reads on, and a job log is cut at 4 MB.
constexpr std::size_t kMaxRows = 500;
// What the policy lets pass is listed less far.
constexpr std::size_t kMaxIgnoredRows = 40;

Ink severity_ink(Severity severity) {
  switch (severity) {
    case Severity::critical:
    case Severity::high:
      return Ink::red;
    case Severity::medium:
      return Ink::yellow;
    case Severity::low:
    case Severity::negligible:
      return Ink::blue;
    case Severity::unknown:
      break;
  }
  return Ink::dim;
}

Ink outcome_ink(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return Ink::green;
    case Outcome::warn:
      return Ink::yellow;
    case Outcome::stop:
    case Outcome::undecided:
      break;
  }
  return Ink::red;
}

Cell mark(const Decision& decision) {
  switch (decision.action) {
    case Action::stop:
      return {"stop", Ink::red};
    case Action::warn:
      return {"warn", Ink::yellow};
    case Action::ignore:
      break;
  }
  return {is_excepted(decision) ? "excepted" : "-", Ink::dim};
}

// Worst decision first; findings are sorted by severity already.
std::vector<std::size_t> by_decision(const ScanResult& result, bool vulnerabilities) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < result.findings.size(); ++i) {
    if ((result.findings[i].kind == FindingKind::vulnerability) == vulnerabilities) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return decision_of(result, a).action > decision_of(result, b).action;
  });
  return order;
}

struct Shown {
  std::vector<std::size_t> rows;
  std::size_t held_back = 0;  // stop and warn, beyond the cap
  std::size_t ignored = 0;
};

Shown choose(const ScanResult& result, bool vulnerabilities) {
  Shown shown;
  std::size_t ignored = 0;
  for (const std::size_t i : by_decision(result, vulnerabilities)) {
    const bool is_ignored = decision_of(result, i).action == Action::ignore;
    if (is_ignored ? ignored++ < kMaxIgnoredRows : shown.rows.size() < kMaxRows)
      shown.rows.push_back(i);
    else
      ++(is_ignored ? shown.ignored : shown.held_back);
  }
  return shown;
}

std::string left_out_text(const Shown& shown) {
  std::string text;
  if (shown.held_back > 0) text += fmt::format("  … and {} more that the policy names\n", shown.held_back);
  if (shown.ignored > 0)
    text += fmt::format("  … and {} more that the policy lets pass (--format json lists them)\n", shown.ignored);
  return text;
}

// "3 high, 2 unknown; 4 in the base image, 1 in own layers".
std::string counts_text(const ScanResult& result, bool vulnerabilities) {
  std::array<std::size_t, 6> counts{};
  std::size_t base = 0;
  std::size_t total = 0;
  for (const auto& finding : result.findings) {
    if ((finding.kind == FindingKind::vulnerability) != vulnerabilities) continue;
    ++counts[static_cast<std::size_t>(finding.severity)];
    base += finding.in_base ? 1 : 0;
    ++total;
  }
  std::string text;
  for (const Severity severity :
       {Severity::critical, Severity::high, Severity::medium, Severity::low, Severity::negligible, Severity::unknown}) {
    const std::size_t count = counts[static_cast<std::size_t>(severity)];
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, severity_name(severity));
  }
  if (total == 0) return "none";
  return fmt::format("{}; {} from the base image, {} from own layers", text, base, total - base);
}

std::string vulnerabilities_section(const ScanResult& result, std::size_t width, Colour colour) {
  std::string out = fmt::format("\n{} {}\n", paint("Vulnerabilities:", Ink::bold, colour), counts_text(result, true));
  const Shown shown = choose(result, true);
  if (shown.rows.empty()) return out;
  Grid grid({"POLICY", "SEVERITY", "ID", "PACKAGE", "INSTALLED", "FIXED", "WHERE"});
  for (const std::size_t i : shown.rows) {
    const Finding& finding = result.findings[i];
    grid.add({mark(decision_of(result, i)),
              {std::string(severity_name(finding.severity)), severity_ink(finding.severity)},
              {report_line(finding.id, 100), Ink::none},
              {package_label(finding), Ink::none},
              {finding.package ? report_line(finding.package->version, 100) : "", Ink::none},
              {fixed_text(finding), Ink::none},
              {finding_where(finding, result.image), Ink::none}});
  }
  return out + grid.render(width, colour) + left_out_text(shown);
}

std::string checks_section(const ScanResult& result, std::size_t width, Colour colour) {
  const Shown shown = choose(result, false);
  if (shown.rows.empty()) return {};
  std::string out = fmt::format("\n{} {}\n", paint("Image checks:", Ink::bold, colour), counts_text(result, false));
  Grid grid({"POLICY", "SEVERITY", "CHECK", "FINDING", "WHERE", "REMEDY"});
  for (const std::size_t i : shown.rows) {
    const Finding& finding = result.findings[i];
    grid.add({mark(decision_of(result, i)),
              {std::string(severity_name(finding.severity)), severity_ink(finding.severity)},
              {report_line(finding.id, 100), Ink::none},
              {report_line(finding.title.empty() ? finding.detail : finding.title, 200), Ink::none},
              {finding_where(finding, result.image), Ink::none},
              {report_line(finding.remedy, 200), Ink::none}});
  }
  return out + grid.render(width, colour) + left_out_text(shown);
}

std::string wrapped(std::string_view first, std::string_view text, std::size_t width) {
  std::string out;
  const std::string indent(text_width(first), ' ');
  for (const auto& line : wrap_text(report_line(text, 2'000), width > indent.size() + 20 ? width - indent.size() : 20))
    out += (out.empty() ? std::string(first) : indent) + line + "\n";
  return out;
}

std::string head(const ScanResult& result, std::size_t width, Colour colour) {
  std::map<std::string, std::size_t> types;
  for (const auto& package : result.inventory.packages)
    ++types[package.type];
  std::string packages = fmt::format("{} packages", result.inventory.packages.size());
  for (const auto& [type, count] : types)
    packages += fmt::format(", {} {}", count, report_line(type, 20));
  std::string out = paint(report_line(result.image.name.empty() ? "image" : result.image.name, 500), Ink::bold, colour);
  out += "\n" + wrapped("  ", os_text(result.inventory) + "; " + packages, width);
  for (const auto& coverage : result.coverage) {
    if (!coverage.has_data)
      out += wrapped("  ", fmt::format("no advisory data for {} ({} packages)", coverage.ecosystem, coverage.packages),
                     width);
  }
  return out;
}

std::string tail(const ScanResult& result, std::size_t width, Colour colour) {
  std::string out;
  // Notes may be many where an image is hostile.
  constexpr std::size_t kMaxNotes = 50;
  for (std::size_t i = 0; i < std::min(result.notes.size(), kMaxNotes); ++i)
    out += (i == 0 ? "\n" : "") + wrapped("Note: ", result.notes[i], width);
  out += "\n" + paint(verdict_line(result), outcome_ink(result.verdict.outcome), colour) + "\n";
  for (const auto& reason : result.verdict.reasons)
    out += wrapped("  - ", reason, width);
  return out;
}

}  // namespace

std::string render_table(const std::vector<ScanResult>& results, const ReportOptions& options) {
  const auto width = static_cast<std::size_t>(std::clamp(options.width, 60, 400));
  std::string out;
  for (const auto& result : results) {
    if (!out.empty()) out += "\n";
    out += head(result, width, options.colour);
    out += vulnerabilities_section(result, width, options.colour);
    out += checks_section(result, width, options.colour);
    out += tail(result, width, options.colour);
  }
  return out;
}

}  // namespace scangate
