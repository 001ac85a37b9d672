#pragma once
// What a policy made of the findings.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "scan/model/finding.h"
#include "scan/model/inventory.h"

namespace scangate {

// Ordered by weight: the worst of all decisions is the verdict, and undecided outweighs stop only in name, both keep an
// image back.
enum class Outcome { pass, warn, stop, undecided };
std::string_view outcome_name(Outcome outcome);
// True only for pass and warn.
bool may_leave(Outcome outcome);

enum class Action { ignore, warn, stop };
std::string_view action_name(Action action);

struct Decision {
  Action action = Action::ignore;
  std::string
      rule;  // which policy rule or exception decided: "stop-fixable-high", "exception CVE-2023-1 until 2027-01-01"
  std::string reason;  // why, one clause
};

struct Verdict {
  Outcome outcome = Outcome::undecided;
  std::vector<std::string> reasons;  // one line each, heaviest first
  std::vector<Decision> decisions;   // one per finding, same order as ScanResult::findings
  std::string policy;                // name of the policy
};

// How fresh the data behind a scan was.
struct DataSource {
  std::string name;  // ecosystem: "Debian", "PyPI"
  std::size_t records = 0;
  std::optional<TimePoint> newest;  // newest `modified` of its records
  std::optional<TimePoint> imported;
};

// Whether the database could speak about a part of the image.
struct Coverage {
  std::string ecosystem;  // "Debian:12", "PyPI"
  std::size_t packages = 0;
  bool has_data = false;
};

struct ScanResult {
  ImageFacts image;
  Inventory inventory;
  std::vector<Finding> findings;   // sorted: severity descending, then id, package
  std::vector<Coverage> coverage;  // one per ecosystem that the inventory touches
  std::vector<DataSource> data;
  std::vector<std::string> notes;  // for the reader: "3 advisories have no severity"
  Verdict verdict;
  TimePoint started{};
  TimePoint ended{};
};

}  // namespace scangate
