#include <algorithm>
#include <array>
#include <map>

#include "scan/policy/policy.h"
#include "scan/policy/policy_state.h"

namespace scangate {
namespace {

constexpr std::size_t kExamplesInReason = 3;

std::string date(TimePoint time) {
  return format_rfc3339(time).substr(0, 10);
}

bool exception_matches(const PolicyException& exception, const Finding& finding) {
  const bool id = exception.id == finding.id ||
                  std::find(finding.aliases.begin(), finding.aliases.end(), exception.id) != finding.aliases.end();
  if (!id || (!exception.detail.empty() && exception.detail != finding.detail)) return false;
  return !exception.package || (finding.package && package_matches(*exception.package, *finding.package));
}

// The decision of one layer, exceptions of its own and, where allowed, of the layers after it applied.
class Decider {
 public:
  Decider(const std::vector<PolicyLayer>& layers, TimePoint now) : layers_(layers), now_(now) {}

  // The heaviest of all layers: a later one can only tighten.
  Decision decide(const Finding& finding) const {
    Decision heaviest{Action::ignore, "", "no rule names it"};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      Decision one = decide(finding, i);
      // An exception of the host stays visible when nothing heavier comes after it.
      if (one.action > heaviest.action || (heaviest.rule.empty() && !one.rule.empty())) heaviest = std::move(one);
    }
    return heaviest;
  }

 private:
  Decision decide(const Finding& finding, std::size_t at) const {
    Decision decision{Action::ignore, "", "no rule names it"};
    for (const Rule& rule : layers_[at].rules) {
      if (!condition_matches(rule.when, finding)) continue;
      decision = {rule.action, rule.name, rule.title};
      break;
    }
    if (decision.action == Action::ignore) return decision;
    bool allowed = true;
    for (std::size_t from = at; from < layers_.size(); ++from) {
      if (from > at) allowed = allowed && layers_[from - 1].allow_exceptions;
      for (const PolicyException& exception : layers_[from].exceptions) {
        if (!exception_matches(exception, finding)) continue;
        if (exception.expires && *exception.expires <= now_) {
          decision.reason +=
              fmt::format("; the exception for {} expired on {}", exception.id, date(*exception.expires));
        } else if (!allowed) {
          decision.reason +=
              fmt::format("; the exception for {} is not allowed by policy {}", exception.id, layers_[at].name);
        } else {
          const std::string until = exception.expires ? " until " + date(*exception.expires) : "";
          return {Action::ignore, fmt::format("exception {}{}", exception.id, until), exception.reason};
        }
      }
    }
    return decision;
  }

  const std::vector<PolicyLayer>& layers_;
  TimePoint now_;
};

std::string subject(const Finding& finding) {
  std::string text = finding.id;
  if (finding.package) text += " in " + finding.package->name;
  if (!finding.detail.empty() && finding.kind != FindingKind::package) text += " (" + finding.detail + ")";
  return text;
}

// "stop-fixable-high: 7 findings: CVE-… in flask, …".
std::vector<std::string> rule_reasons(const ScanResult& result, const std::vector<Decision>& decisions, Action action) {
  struct Group {
    std::string reason;
    std::vector<const Finding*> findings;
  };
  std::vector<std::string> order;
  std::map<std::string, Group> groups;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i].action != action) continue;
    auto [at, is_new] = groups.try_emplace(decisions[i].rule);
    if (is_new) order.push_back(decisions[i].rule);
    if (is_new) at->second.reason = decisions[i].reason;
    at->second.findings.push_back(&result.findings[i]);
  }
  std::vector<std::string> reasons;
  for (const auto& rule : order) {
    const Group& group = groups[rule];
    std::string text = fmt::format("{}: {}: {}", rule, group.reason, subject(*group.findings.front()));
    for (std::size_t i = 1; i < std::min(group.findings.size(), kExamplesInReason); ++i)
      text += ", " + subject(*group.findings[i]);
    if (group.findings.size() > kExamplesInReason)
      text += fmt::format(" and {} more", group.findings.size() - kExamplesInReason);
    reasons.push_back(std::move(text));
  }
  return reasons;
}

std::optional<std::chrono::seconds> max_age(const std::vector<PolicyLayer>& layers) {
  std::optional<std::chrono::seconds> age;
  for (const auto& layer : layers) {
    if (layer.max_data_age && (!age || *layer.max_data_age < *age)) age = layer.max_data_age;
  }
  return age;
}

std::string days(std::chrono::seconds age) {
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(age).count();
  return hours < 48 ? fmt::format("{} hours", hours) : fmt::format("{} days", hours / 24);
}

// Distributions that always bring a package database: an image of one without any OS package has lost it.
bool has_package_database(std::string_view id) {
  static constexpr std::array<std::string_view, 17> kIds{
      "debian", "ubuntu", "alpine", "wolfi", "chainguard",    "almalinux",           "rocky",  "rhel",      "centos",
      "fedora", "amzn",   "ol",     "sles",  "opensuse-leap", "opensuse-tumbleweed", "photon", "azurelinux"};
  return std::find(kIds.begin(), kIds.end(), id) != kIds.end();
}

// Why nothing can be said, whatever the findings are.
std::vector<std::string> open_questions(const ScanResult& result, std::optional<std::chrono::seconds> limit,
                                        TimePoint now) {
  std::vector<std::string> questions;
  for (const auto& problem : result.inventory.problems) {
    if (problem.incomplete)
      questions.push_back(fmt::format("the package list is incomplete: {}: {}", problem.path, problem.cause));
  }
  const auto& os = result.inventory.os;
  const auto& packages = result.inventory.packages;
  if (os && has_package_database(os->id) && std::none_of(packages.begin(), packages.end(), is_os_package)) {
    questions.push_back(fmt::format("the image is {}, but no package database was found in it",
                                    os->pretty_name.empty() ? os->id : os->pretty_name));
  }
  for (const auto& coverage : result.coverage) {
    if (coverage.packages == 0) continue;
    if (!coverage.has_data) {
      questions.push_back(fmt::format("no advisory data for {} (packages: {})", coverage.ecosystem, coverage.packages));
      continue;
    }
    if (!limit) continue;
    const std::string family = coverage.ecosystem.substr(0, coverage.ecosystem.find(':'));
    const auto source =
        std::find_if(result.data.begin(), result.data.end(), [&](const DataSource& one) { return one.name == family; });
    // The newest record says how old the feed is; an import of yesterday may be of a feed of last year.
    std::optional<TimePoint> time;
    if (source != result.data.end()) time = source->newest ? source->newest : source->imported;
    if (!time)
      questions.push_back(fmt::format("the age of the advisories for {} is not known", family));
    else if (now - *time > *limit)
      questions.push_back(fmt::format("the advisories for {} are {} old, the policy allows {}", family,
                                      days(now - *time), days(*limit)));
  }
  return questions;
}

}  // namespace

Verdict Policy::decide(const ScanResult& result, const Clock& clock) const {
  const TimePoint now = clock.now();
  Verdict verdict;
  verdict.policy = state_->name;
  verdict.outcome = Outcome::pass;
  const Decider decider(state_->layers, now);
  for (const Finding& finding : result.findings) {
    verdict.decisions.push_back(decider.decide(finding));
    const Action action = verdict.decisions.back().action;
    const Outcome outcome = action == Action::stop   ? Outcome::stop
                            : action == Action::warn ? Outcome::warn
                                                     : Outcome::pass;
    verdict.outcome = std::max(verdict.outcome, outcome);
  }
  verdict.reasons = open_questions(result, max_age(state_->layers), now);
  if (!verdict.reasons.empty()) verdict.outcome = Outcome::undecided;
  for (const Action action : {Action::stop, Action::warn}) {
    for (auto& reason : rule_reasons(result, verdict.decisions, action))
      verdict.reasons.push_back(std::move(reason));
  }
  return verdict;
}

}  // namespace scangate
