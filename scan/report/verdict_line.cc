#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "scan/report/report.h"
#include "scan/report/report_text.h"

namespace scangate {
namespace {

constexpr std::size_t kMaxLineBytes = 1'000;

// "2 rules stopped it: stop-fixable-high (7 findings), stop-ssh-port (1 finding)".
std::string rules_text(const ScanResult& result, Action action, std::string_view verb) {
  std::vector<std::string> order;
  std::map<std::string, std::size_t> counts;
  for (const auto& decision : result.verdict.decisions) {
    if (decision.action == action && counts[decision.rule]++ == 0) order.push_back(decision.rule);
  }
  std::string text = fmt::format("{} {} {}: ", order.size(), order.size() == 1 ? "rule" : "rules", verb);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t count = counts[order[i]];
    text += fmt::format("{}{} ({} {})", i == 0 ? "" : ", ", order[i], count, count == 1 ? "finding" : "findings");
  }
  return text;
}

}  // namespace

std::string verdict_line(const ScanResult& result) {
  const std::string name = result.image.name.empty() ? "image" : result.image.name;
  std::string why;
  switch (result.verdict.outcome) {
    case Outcome::stop:
      why = rules_text(result, Action::stop, "stopped it");
      break;
    case Outcome::warn:
      why = rules_text(result, Action::warn, "warned");
      break;
    case Outcome::undecided:
      why = "could not be decided: " +
            (result.verdict.reasons.empty() ? "no reason given" : result.verdict.reasons.front());
      break;
    case Outcome::pass:
      why = fmt::format("{} packages, {} findings, none of them held back by policy {}",
                        result.inventory.packages.size(), result.findings.size(), result.verdict.policy);
      break;
  }
  std::string word(outcome_name(result.verdict.outcome));
  for (char& c : word)
    c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return report_line(fmt::format("{:<5} {}: {}", word, name, why), kMaxLineBytes);
}

}  // namespace scangate
