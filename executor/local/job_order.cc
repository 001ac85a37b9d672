#include "executor/local/job_order.h"

#include <algorithm>
#include <set>

namespace scangate {
namespace {

std::size_t stage_number(const ci::Pipeline& pipeline, const ci::Job& job) {
  return static_cast<std::size_t>(std::find(pipeline.stages.begin(), pipeline.stages.end(), job.stage) -
                                  pipeline.stages.begin());
}

}  // namespace

std::vector<const ci::Job*> jobs_in_order(const ci::Pipeline& pipeline, const std::vector<std::string>& wanted) {
  std::vector<const ci::Job*> waiting;
  for (const auto& job : pipeline.jobs)
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), job.name) != wanted.end()) waiting.push_back(&job);
  std::vector<const ci::Job*> out;
  std::set<std::string> done;
  const auto is_waiting = [&](const std::string& name) {
    return std::any_of(waiting.begin(), waiting.end(), [&](const ci::Job* job) { return job->name == name; });
  };
  while (!waiting.empty()) {
    const auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const ci::Job* job) {
      return !job->needs || std::none_of(job->needs->begin(), job->needs->end(),
                                         [&](const ci::Need& need) { return is_waiting(need.job); });
    });
    const auto next =
        ready == waiting.end() ? waiting.begin() : ready;  // a circle of needs is refused when the pipeline is read
    out.push_back(*next);
    waiting.erase(next);
  }
  return out;
}

bool takes_part(const ci::Pipeline& pipeline, const ci::Job& job, const JobEnds& ends) {
  const std::size_t stage = stage_number(pipeline, job);
  bool failed = false;
  bool missing = false;  // of its needs
  for (const auto& other : pipeline.jobs) {
    const auto end = ends.find(other.name);
    if (end == ends.end()) continue;
    const bool needed = job.needs && std::any_of(job.needs->begin(), job.needs->end(),
                                                 [&](const ci::Need& need) { return need.job == other.name; });
    if (!needed && (job.needs || stage_number(pipeline, other) >= stage)) continue;
    failed = failed || end->second == JobEnd::failed;
    missing = missing || (needed && end->second == JobEnd::not_run);
  }
  switch (job.when) {
    case ci::When::always:
      return true;
    case ci::When::on_failure:
      return failed;
    case ci::When::on_success:
    case ci::When::delayed:
      return !failed && !missing;
    case ci::When::manual:
    case ci::When::never:
      break;
  }
  return false;
}

std::vector<std::string> jobs_to_inherit_from(const ci::Pipeline& pipeline, const ci::Job& job) {
  std::vector<std::string> out;
  const std::size_t stage = stage_number(pipeline, job);
  for (const auto& other : pipeline.jobs) {
    bool wanted = stage_number(pipeline, other) < stage;
    if (job.needs)
      wanted = std::any_of(job.needs->begin(), job.needs->end(),
                           [&](const ci::Need& need) { return need.artifacts && need.job == other.name; });
    if (job.dependencies)
      wanted = wanted && std::any_of(job.dependencies->begin(), job.dependencies->end(), [&](const std::string& name) {
                 return name == other.name || name == other.base_name;
               });
    if (wanted) out.push_back(other.name);
  }
  return out;
}

}  // namespace scangate
