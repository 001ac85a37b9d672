#include <cstdint>

#include "pipeline/plan/plan.h"

// The input is the script of a job with a few variables.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  constexpr std::size_t kMost = 64U << 10U;
  if (size > kMost) return 0;
  ci::Pipeline pipeline;
  pipeline.stages = {"build"};
  ci::Job job;
  job.name = "a";
  job.stage = "build";
  job.script.push_back({std::string(reinterpret_cast<const char*>(data), size), {}});
  job.variables.set("A", "x:1 --pull", ci::VariableOrigin::job);
  job.variables.set("B", "$MISSING/y", ci::VariableOrigin::job);
  if (!job.variables.expand_all()) return 0;
  pipeline.jobs.push_back(std::move(job));
  const plan::Plan plan = plan::make_plan(pipeline);
  for (const plan::Job& one : plan.jobs) {
    for (std::size_t i = 0; i < one.operations.size(); ++i)
      if (one.operations[i].kind == plan::Kind::push && (i == 0 || one.operations[i - 1].kind != plan::Kind::scan))
        __builtin_trap();
  }
  static_cast<void>(plan_text(plan));
  static_cast<void>(plan_json(plan));
  static_cast<void>(plan_mermaid(plan));
  return 0;
}
