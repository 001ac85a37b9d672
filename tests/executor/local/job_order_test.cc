#include "executor/local/job_order.h"

#include <gtest/gtest.h>

#include "tests/pipeline/ci/memory_files.h"

namespace scangate {
namespace {

ci::Pipeline pipeline_of(const std::string& yaml) {
  ci::MemoryFiles files(yaml);
  ci::PipelineContext context;
  context.branch = "main";
  auto pipeline = ci::read_pipeline(files, ".gitlab-ci.yml", context);
  EXPECT_TRUE(pipeline) << pipeline.error().text();
  return pipeline.value_or(ci::Pipeline{});
}

const char* const kPipeline = R"(stages: [build, test, deploy]
build: {stage: build, script: x}
lint: {stage: build, script: x, when: manual}
unit: {stage: test, script: x}
early: {stage: test, script: x, needs: []}
needy: {stage: test, script: x, needs: [build]}
apart: {stage: test, script: x, needs: [{job: build, artifacts: false}, lint]}
alarm: {stage: deploy, script: x, when: on_failure}
notice: {stage: deploy, script: x, when: always}
ship: {stage: deploy, script: x, dependencies: [unit]}
bare: {stage: deploy, script: x, dependencies: []}
)";

TEST(JobOrder, JobsComeAfterWhatTheyNeed) {
  const auto pipeline = pipeline_of(
      "stages: [a, b]\none: {stage: a, script: x, needs: [two]}\ntwo: {stage: a, script: x}\nthree: {stage: b, script: "
      "x}\n");
  const auto names = [&](const std::vector<std::string>& wanted) {
    std::vector<std::string> out;
    for (const auto* job : jobs_in_order(pipeline, wanted))
      out.push_back(job->name);
    return out;
  };
  EXPECT_EQ(names({}), (std::vector<std::string>{"two", "one", "three"}));
  EXPECT_EQ(names({"three", "one"}), (std::vector<std::string>{"one", "three"}));
}

TEST(JobOrder, WhatHappenedBeforeDecides) {
  const auto pipeline = pipeline_of(kPipeline);
  const struct {
    const char* job;
    JobEnds ends;
    bool runs;
  } cases[] = {
      {"build", {}, true},
      {"lint", {}, false},
      {"unit", {{"build", JobEnd::passed}, {"lint", JobEnd::not_run}}, true},
      {"unit", {{"build", JobEnd::failed}}, false},
      {"early", {{"build", JobEnd::failed}}, true},
      {"needy", {{"build", JobEnd::failed}}, false},
      {"needy", {{"build", JobEnd::not_run}}, false},
      {"needy", {{"build", JobEnd::passed}, {"unit", JobEnd::failed}}, true},
      {"needy", {}, true},
      {"alarm", {{"build", JobEnd::passed}, {"unit", JobEnd::passed}}, false},
      {"alarm", {{"build", JobEnd::passed}, {"unit", JobEnd::failed}}, true},
      {"notice", {{"unit", JobEnd::failed}}, true},
      {"ship", {{"unit", JobEnd::passed}, {"bare", JobEnd::failed}}, true},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.job);
    EXPECT_EQ(takes_part(pipeline, *pipeline.find(one.job), one.ends), one.runs);
  }
}

TEST(JobOrder, ArtifactsComeFromNeedsFromDependenciesOrFromEarlierStages) {
  const auto pipeline = pipeline_of(kPipeline);
  const struct {
    const char* job;
    std::vector<std::string> from;
  } cases[] = {
      {"build", {}},       {"unit", {"build", "lint"}},
      {"early", {}},       {"needy", {"build"}},
      {"apart", {"lint"}}, {"ship", {"unit"}},
      {"bare", {}},        {"notice", {"build", "lint", "unit", "early", "needy", "apart"}},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.job);
    EXPECT_EQ(jobs_to_inherit_from(pipeline, *pipeline.find(one.job)), one.from);
  }
}

}  // namespace
}  // namespace scangate
