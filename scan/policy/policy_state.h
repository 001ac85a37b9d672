#pragma once
// What a Policy holds. Inside this folder only.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "scan/model/verdict.h"
#include "scan/policy/condition.h"
#include "scan/policy/policy.h"

namespace scangate {

struct Rule {
  std::string name;
  std::string title;
  Action action = Action::ignore;
  Condition when;
};

struct PolicyException {
  std::string id;  // of the finding or one of its aliases, exactly
  std::optional<PackagePattern> package;
  std::string detail;  // "22/tcp"; empty: any
  std::string reason;
  std::optional<TimePoint> expires;  // midnight UTC at the start of the day named: the day itself no longer counts
};

// One policy text. Several are stacked: the host's first, then the project's.
struct PolicyLayer {
  std::string name;
  std::optional<std::chrono::seconds> max_data_age;
  std::vector<Rule> rules;
  std::vector<PolicyException> exceptions;
  bool allow_exceptions = false;  // of the layers above
  std::string fingerprint;
};

struct Policy::State {
  std::string name;
  std::vector<PolicyLayer> layers;
};

// Policies of a whole company: a cap that bounds the work per finding, far above any that can be reviewed.
inline constexpr std::size_t kMaxRules = 500;
inline constexpr std::size_t kMaxExceptions = 5'000;

}  // namespace scangate
