#pragma once
// The "when" of a rule: all parts that are given have to hold.
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scan/model/finding.h"
#include "scan/policy/pattern.h"

namespace scangate {

enum class Origin { base, own };

struct PortPattern {
  int low = 0;
  int high = 0;
  std::string protocol;  // "tcp"; empty: any
};

struct PortCondition {
  std::vector<PortPattern> ports;
  bool except = false;  // true: every exposed port that is not listed
};

struct InstalledCondition {
  std::vector<PackagePattern> packages;
  bool except = false;  // true: every package that is not listed
};

struct Condition {
  std::set<FindingKind> kinds;
  std::vector<std::string> ids;  // globs over the id and its aliases
  std::set<Severity> severities;
  std::set<FixState> fixes;
  std::optional<PortCondition> port;
  bool root_user = false;
  bool secret_env = false;
  std::vector<PackagePattern> packages;  // findings on these packages
  std::optional<InstalledCondition> installed;
  std::optional<Origin> origin;
};

// The rule id of findings that an `installed` condition makes.
inline constexpr const char* kDeniedPackage = "denied-package";

bool condition_matches(const Condition& condition, const Finding& finding);
bool is_denied(const InstalledCondition& condition, const Package& package);
// "vulnerability, severity high or critical, fix available".
std::string describe_condition(const Condition& condition);

}  // namespace scangate
