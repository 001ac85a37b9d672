#pragma once
// From the merged tree to jobs: defaults, rules, variables, parallel copies.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pipeline/ci/conditions.h"
#include "pipeline/ci/pipeline.h"
#include "pipeline/ci/reader.h"

namespace scangate::ci {

// What all jobs of a pipeline share.
struct JobScope {
  const PipelineContext& context;
  const std::vector<std::string>& stages;
  const Value& root;
  // Predefined, project and pipeline variables, and those of `workflow:rules`.
  const Variables& outside;
  const Variables& global;  // top-level `variables:`
  bool has_workflow_rules = false;
};

class JobReader {
 public:
  JobReader(const JobScope& scope, Conditions& conditions, Budget& budget, Pipeline& pipeline)
      : scope_(scope), conditions_(conditions), budget_(budget), pipeline_(pipeline) {}

  // The job under `entry` with its parallel copies appended to pipeline.jobs, or its name to pipeline.left_out.
  Result<void> read(const Entry& entry);

 private:
  struct Outcome {  // of `rules:`
    bool taken = true;
    When when = When::on_success;
    std::string start_in;
    std::optional<AllowFailure> allow_failure;
    const Value* variables = nullptr;
    const Value* needs = nullptr;
  };
  Result<void> check(const Entry& entry) const;
  // The job's own value or that of `default:` and the old top-level keywords, as `inherit:` lets through.
  Result<const Value*> effective(const Entry& entry, std::string_view key) const;
  Result<Variables> base_variables(const Entry& entry) const;
  Result<Outcome> decide(const Entry& entry, const Variables& variables);
  Result<void> read_fields(const Entry& entry, Job& job);
  Result<void> finish(Job job, const Entry& entry, const Outcome& outcome);
  void warn_not_served(const Entry& entry);

  const JobScope& scope_;
  Conditions& conditions_;
  Budget& budget_;
  Pipeline& pipeline_;
};

}  // namespace scangate::ci
