#pragma once
// What the facts about a host mean for jobs, one line a subject with the remedy.
#include <string>
#include <vector>

#include "executor/host/host_facts.h"

namespace scangate {

enum class Health { ok, warning, problem };
std::string_view health_name(Health health);

struct Check {
  std::string subject;  // "kernel", "overlay"
  Health health = Health::ok;
  std::string text;    // one line
  std::string remedy;  // one clause; empty when all is well or the text says it
};

struct Diagnosis {
  std::vector<Check> checks;
  bool policy_invalid = false;  // a fault of the configuration, not of the host
  bool has_problem() const;
};

// Pure.
Diagnosis diagnose(const HostFacts& facts);

// "ok       kernel        6.1.0" lines and a last one that counts.
std::string diagnosis_text(const Diagnosis& diagnosis);
// {"version":1,"result":"ok|warning|problem","checks":[{"subject","health","text","remedy"}]}
std::string diagnosis_json(const Diagnosis& diagnosis);

}  // namespace scangate
