#pragma once
// The policy language: what stops an image, what warns, what is ignored. docs/policy.md.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "scan/model/verdict.h"

namespace scangate {

// An immutable set of rules. Cheap to copy.
class Policy {
 public:
  // YAML. Errors: Fault::user with file:line:column, the unknown key and the nearest known one.
  static Result<Policy> parse(std::string_view yaml, std::string_view place);
  // Built in: stops fixable High and Critical vulnerabilities and port 22, warns on unknown severity, missing data
  // older than the limit is undecided.
  static const Policy& builtin_default();
  static std::string_view builtin_default_yaml();

  const std::string& name() const;
  // Host policy first: the project's rules and exceptions can only tighten it, or except where the host allows
  // exceptions.
  Policy tightened_by(const Policy& project) const;

  // Findings of kind package for what the rules' `installed` conditions name (deny) or leave out (allow). They belong
  // into ScanResult::findings before decide().
  std::vector<Finding> package_findings(const Inventory& inventory) const;

  // Decides on result.findings, coverage, data and inventory problems (the verdict member is ignored). Total: never
  // fails; what cannot be decided is Outcome::undecided with the reason.
  Verdict decide(const ScanResult& result, const Clock& clock) const;

  // Rule names and titles, for reports' passing cases.
  struct RuleTitle {
    std::string name;
    std::string title;
  };
  std::vector<RuleTitle> rules() const;
  // Changes whenever the decision could change; part of the cache key of verdicts.
  std::string fingerprint() const;

 private:
  struct State;
  explicit Policy(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace scangate
