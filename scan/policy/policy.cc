#include "scan/policy/policy.h"

#include "base/digest.h"
#include "scan/policy/parse.h"

namespace scangate {

Result<Policy> Policy::parse(std::string_view yaml, std::string_view place) {
  SCANGATE_TRY(auto layer, parse_policy_layer(yaml, place));
  auto state = std::make_shared<State>();
  state->name = layer.name;
  state->layers.push_back(std::move(layer));
  return Policy(std::move(state));
}

const std::string& Policy::name() const {
  return state_->name;
}

Policy Policy::tightened_by(const Policy& project) const {
  auto state = std::make_shared<State>();
  state->name = state_->name + " + " + project.state_->name;
  state->layers = state_->layers;
  state->layers.insert(state->layers.end(), project.state_->layers.begin(), project.state_->layers.end());
  return Policy(std::move(state));
}

std::vector<Policy::RuleTitle> Policy::rules() const {
  std::vector<RuleTitle> titles;
  for (const auto& layer : state_->layers) {
    for (const auto& rule : layer.rules)
      titles.push_back({rule.name, rule.title});
  }
  return titles;
}

std::string Policy::fingerprint() const {
  std::string text;
  for (const auto& layer : state_->layers)
    text += layer.fingerprint + "\n";
  return Digest::of(text).hex();
}

std::vector<Finding> Policy::package_findings(const Inventory& inventory) const {
  std::vector<Finding> findings;
  for (const Package& package : inventory.packages) {
    for (const auto& layer : state_->layers) {
      for (const auto& rule : layer.rules) {
        if (!rule.when.installed || !is_denied(*rule.when.installed, package)) continue;
        Finding finding;
        finding.kind = FindingKind::package;
        finding.id = kDeniedPackage;
        finding.detail = rule.name;
        finding.severity = rule.action == Action::stop ? Severity::high : Severity::medium;
        finding.severity_source = "rule";
        finding.title = fmt::format("{} is not allowed by the rule {}", package.name, rule.name);
        finding.description = rule.title;
        finding.remedy = fmt::format("remove {}", package.name);
        finding.package = package;
        finding.layer = package.layer;
        finding.sources = {"native"};
        findings.push_back(std::move(finding));
      }
    }
  }
  return findings;
}

}  // namespace scangate
