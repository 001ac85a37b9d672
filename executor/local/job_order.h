#pragma once
// Which job of a pipeline runs when, whether it runs after what happened before, and from whom it gets files.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pipeline/ci/pipeline.h"

namespace scangate {

// Those in `wanted` (empty: all) so that each comes after what it needs; stage order otherwise.
std::vector<const ci::Job*> jobs_in_order(const ci::Pipeline& pipeline, const std::vector<std::string>& wanted);

enum class JobEnd { passed, failed, not_run };  // an allowed failure is `passed`
using JobEnds = std::map<std::string, JobEnd, std::less<>>;

// By its `when` and the jobs before it: those it needs, else those of earlier stages. What is not in `ends` was not
// asked for and counts for nothing. GitLab documentation, ci/yaml, "when".
bool takes_part(const ci::Pipeline& pipeline, const ci::Job& job, const JobEnds& ends);

// The jobs whose artifacts `job` gets: of `needs` and `dependencies`, else all of earlier stages. In the pipeline's
// order.
std::vector<std::string> jobs_to_inherit_from(const ci::Pipeline& pipeline, const ci::Job& job);

}  // namespace scangate
