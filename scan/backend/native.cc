#include <algorithm>
#include <map>
#include <tuple>

#include "scan/backend/backend.h"
#include "scan/inspect/inspect.h"

namespace scangate {
namespace {

// Which layer and which Dockerfile line brought it.
void locate(Finding& finding, const ImageFacts& image) {
  if (!finding.layer) return;
  if (*finding.layer >= image.layers.size()) {
    finding.layer.reset();
    return;
  }
  const LayerFacts& layer = image.layers[*finding.layer];
  finding.in_base = layer.is_base;
  if (!finding.place) finding.place = layer.place;
}

void sort_findings(std::vector<Finding>& findings) {
  const auto key = [](const Finding& finding) {
    static const Package kNone;
    const Package& package = finding.package ? *finding.package : kNone;
    return std::tuple(-static_cast<int>(finding.severity), std::string_view(finding.id), std::string_view(package.name),
                      std::string_view(package.version), std::string_view(package.architecture),
                      std::string_view(finding.detail));
  };
  std::stable_sort(findings.begin(), findings.end(),
                   [&](const Finding& a, const Finding& b) { return key(a) < key(b); });
}

// Nothing is covered when there is no database to ask.
std::vector<Coverage> without_data(const Inventory& inventory) {
  std::map<std::string, std::size_t> packages;
  for (const Package& package : inventory.packages) {
    if (package.owned_by && !is_os_package(package)) continue;
    if (const auto ecosystem = ecosystem_of(package, inventory.os)) ++packages[*ecosystem];
  }
  std::vector<Coverage> coverage;
  for (const auto& [ecosystem, count] : packages)
    coverage.push_back({ecosystem, count, false});
  return coverage;
}

}  // namespace

ScanResult scan_native(const ScanInput& input, const AdvisoryDatabase* database, const std::string& no_database,
                       const Policy& policy, const Clock& clock) {
  ScanResult result;
  result.started = clock.now();
  result.image = input.image;
  result.inventory = input.inventory;

  // Why advisories could not be asked; empty when they were.
  std::string trouble;
  if (database == nullptr) {
    trouble = no_database.empty() ? "there is no advisory database" : no_database;
  } else if (auto match = database->match(input.inventory)) {
    result.findings = std::move(match->findings);
    result.coverage = std::move(match->coverage);
    result.notes = std::move(match->notes);
    result.data = database->sources();
  } else {
    trouble = match.error().text();
  }
  if (!trouble.empty()) result.coverage = without_data(input.inventory);

  for (auto& finding : inspect_image(input.image, input.inventory))
    result.findings.push_back(std::move(finding));
  for (auto& finding : policy.package_findings(input.inventory))
    result.findings.push_back(std::move(finding));
  for (auto& finding : result.findings) {
    locate(finding, input.image);
    if (finding.sources.empty()) finding.sources = {"native"};
  }
  sort_findings(result.findings);
  if (input.inventory.packages.empty())
    result.notes.emplace_back("the image holds no packages: there was nothing to compare with advisories");

  result.verdict = policy.decide(result, clock);
  if (!trouble.empty()) {
    result.verdict.outcome = Outcome::undecided;
    result.verdict.reasons.insert(result.verdict.reasons.begin(), std::move(trouble));
  }
  result.ended = clock.now();
  return result;
}

}  // namespace scangate
