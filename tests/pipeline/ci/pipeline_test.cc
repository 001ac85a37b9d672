#include "pipeline/ci/pipeline.h"

#include <gtest/gtest.h>

#include "base/json/json.h"
#include "memory_files.h"

namespace scangate::ci {
namespace {

Result<Pipeline> read(const std::string& text) {
  MemoryFiles files(text);
  return read_pipeline(files, ".gitlab-ci.yml", {});
}
std::string error_of(const std::string& text) {
  const auto pipeline = read(text);
  return pipeline ? "no error" : pipeline.error().text();
}
std::vector<std::string> job_names(const Pipeline& pipeline) {
  std::vector<std::string> names;
  for (const Job& job : pipeline.jobs)
    names.push_back(job.name);
  return names;
}
using Texts = std::vector<std::string>;

TEST(Pipeline, JobsComeByStageThenAsWritten) {
  const auto pipeline = read(
      "stages: [.post, one, two]\n"
      "z: {stage: two, script: x}\n"
      "last: {stage: .post, script: x}\n"
      "b: {stage: one, script: x}\n"
      "first: {stage: .pre, script: x}\n"
      "a: {stage: one, script: x}\n"
      ".hidden: {nonsense: true}\n");
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  EXPECT_EQ(pipeline->stages, (Texts{".pre", "one", "two", ".post"}));
  EXPECT_EQ(job_names(*pipeline), (Texts{"first", "b", "a", "z", "last"}));
}

TEST(Pipeline, OnlyEdgeStagesMakeNoPipeline) {
  const auto pipeline = read("first: {stage: .pre, script: x}\n");
  ASSERT_TRUE(pipeline);
  EXPECT_EQ(pipeline->not_created, "only jobs of .pre and .post take part");
}

TEST(Pipeline, ParallelCopiesHaveTheirOwnVariables) {
  const auto good = read(
      "n: {script: x, parallel: 2}\n"
      "m:\n  script: x\n  image: img:$OS\n  parallel:\n    matrix:\n      - {OS: [debian, alpine], ARCH: amd64}\n      "
      "- {OS: [fedora]}\n"
      "after: {stage: deploy, script: x, needs: [m, 'n 1/2']}\n");
  ASSERT_TRUE(good) << good.error().text();
  EXPECT_EQ(job_names(*good),
            (Texts{"n 1/2", "n 2/2", "m: [debian, amd64]", "m: [alpine, amd64]", "m: [fedora]", "after"}));
  EXPECT_EQ(good->jobs[1].variables.find("CI_NODE_INDEX")->value, "2");
  EXPECT_EQ(good->jobs[1].variables.find("CI_NODE_TOTAL")->value, "2");
  EXPECT_EQ(good->jobs[3].image->name, "img:alpine");
  Texts needs;
  for (const Need& need : *good->find("after")->needs)
    needs.push_back(need.job);
  EXPECT_EQ(needs, (Texts{"m: [debian, amd64]", "m: [alpine, amd64]", "m: [fedora]", "n 1/2"}));
}

TEST(Pipeline, JobsCarryTheirFields) {
  const auto pipeline = read(
      "job:\n"
      "  image: {name: 'tool:$VERSION', entrypoint: [''], pull_policy: if-not-present, docker: {platform: linux/amd64, "
      "user: dave}}\n"
      "  services:\n    - postgres:16\n    - {name: 'redis:7', alias: cache, command: [redis-server], variables: "
      "{MODE: $VERSION}}\n"
      "  variables: {VERSION: 1.10, ON: yes, RAW: {value: '$VERSION', expand: false}}\n"
      "  script:\n    - |\n      line one\n      line two\n"
      "  after_script: cleanup\n"
      "  artifacts:\n    name: out-$VERSION\n    paths: [out/]\n    expire_in: 1 week\n    expose_as: Report\n    "
      "when: always\n    reports: {junit: [a.xml, b.xml], dotenv: build.env}\n"
      "  cache: {key: {files: [a.lock], prefix: $VERSION}, paths: [.cache], policy: pull}\n"
      "  allow_failure: {exit_codes: [3, 4]}\n"
      "  retry: {max: 2, when: script_failure, exit_codes: 137}\n"
      "  timeout: 3 hours 20 minutes\n"
      "  tags: [a, b]\n"
      "  environment: {name: prod/$VERSION, url: https://x}\n"
      "  interruptible: true\n"
      "  resource_group: prod\n"
      "  needs: []\n");
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  const Job& job = pipeline->jobs.at(0);
  EXPECT_EQ(job.image->name, "tool:1.1");
  EXPECT_EQ(job.image->written, "tool:$VERSION");
  EXPECT_TRUE(job.image->has_entrypoint);
  EXPECT_EQ(job.image->entrypoint, Texts{""});
  EXPECT_EQ(job.image->platform, "linux/amd64");
  EXPECT_EQ(job.image->user, "dave");
  ASSERT_EQ(job.services.size(), 2U);
  EXPECT_EQ(job.services[0].image.name, "postgres:16");
  EXPECT_EQ(job.services[1].alias, "cache");
  EXPECT_EQ(job.services[1].variables.at(0).second, "1.1");
  EXPECT_EQ(job.variables.find("ON")->value, "true");
  EXPECT_EQ(job.variables.find("RAW")->value, "$VERSION");
  EXPECT_EQ(job.script.at(0).text, "line one\nline two\n");
  EXPECT_EQ(job.after_script.at(0).text, "cleanup");
  EXPECT_EQ(job.artifacts->name, "out-1.1");
  EXPECT_EQ(job.artifacts->expose_as, "Report");
  ASSERT_EQ(job.artifacts->reports.size(), 2U);
  EXPECT_EQ(job.artifacts->reports[0].first, "junit");
  EXPECT_EQ(job.artifacts->reports[0].second, (Texts{"a.xml", "b.xml"}));
  EXPECT_EQ(job.caches.at(0).key_files, Texts{"a.lock"});
  EXPECT_EQ(job.caches.at(0).key_prefix, "1.1");
  EXPECT_EQ(job.allow_failure.exit_codes, (std::vector<int>{3, 4}));
  EXPECT_EQ(job.retry.max, 2);
  EXPECT_EQ(job.retry.exit_codes, std::vector<int>{137});
  EXPECT_EQ(job.timeout_seconds, 12000);
  EXPECT_EQ(job.environment, "prod/1.1");
  EXPECT_EQ(job.variables.find("CI_ENVIRONMENT_SLUG")->value, "prod-1-1");
  EXPECT_EQ(job.resource_group, "prod");
  EXPECT_TRUE(job.interruptible);
  ASSERT_TRUE(job.needs);
  EXPECT_TRUE(job.needs->empty());
  EXPECT_EQ(job.variables.find("CI_JOB_NAME")->value, "job");
  EXPECT_EQ(job.variables.find("CI_JOB_STAGE")->value, "test");
}

TEST(Pipeline, WhatDoesNothingHereIsAWarning) {
  const auto pipeline = read("job:\n  script: x\n  id_tokens: {A: {aud: x}}\n  release: {tag_name: v1}\n");
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  ASSERT_EQ(pipeline->warnings.size(), 2U);
  EXPECT_EQ(pipeline->warnings[0].place.str(), ".gitlab-ci.yml:3:14");
  EXPECT_EQ(pipeline->warnings[0].text, "jobs:job:id_tokens does nothing in a local run");
}

TEST(Pipeline, ErrorsNameThePlaceAndTheRemedy) {
  const std::pair<const char*, const char*> cases[] = {
      {"stages: [build]\na:\n  stage: biuld\n  script: x\n",
       ".gitlab-ci.yml:3:10: jobs:a: 'stage: biuld' is not in 'stages:' (did you mean 'build'?)"},
      {"stages: [one]\na: {script: x}\n",
       ".gitlab-ci.yml:2:1: jobs:a: without 'stage:' a job is in stage 'test', which is not in 'stages:' (give the job "
       "a stage)"},
      {"a:\n  scripts: [x]\n", ".gitlab-ci.yml:2:3: jobs:a: unknown keyword 'scripts' (did you mean 'script'?)"},
      {"a:\n  stage: test\n",
       ".gitlab-ci.yml:1:1: jobs:a: 'script' is missing (a job needs a script, or a name that begins with '.')"},
      {"stagess: [a]\n",
       ".gitlab-ci.yml:1:1: unknown keyword 'stagess': a job must be a map, this is a list (did you mean 'stages'?)"},
      {"a:\n  script:\n    - echo: hello\n",
       ".gitlab-ci.yml:3:7: jobs:a:script: a map instead of a command (quote the whole line: it contains ': ')"},
      {"a: {script: x, needs: [biuld]}\nbuild: {script: x}\n",
       ".gitlab-ci.yml:1:24: jobs:a:needs: there is no job 'biuld' (did you mean 'build'?)"},
      {"a: {script: x, needs: [b]}\nb: {script: x, rules: [{if: $NO}]}\n",
       ".gitlab-ci.yml:1:24: jobs:a:needs: job 'b' is not in this pipeline (its rules leave it out; say 'optional: "
       "true' if that may be)"},
      {"a: {script: x, stage: build, needs: [b]}\nb: {script: x, stage: deploy}\n",
       ".gitlab-ci.yml:1:38: jobs:a:needs: job 'b' is in a later stage"},
      {"a: {script: x, needs: [b]}\nb: {script: x, needs: [a]}\n",
       ".gitlab-ci.yml:1:1: jobs:a: its needs form a circle"},
      {"a: {script: x, parallel: 201}\n",
       ".gitlab-ci.yml:1:26: jobs:a:parallel: expected a whole number from 1 to 200"},
      {"a: {script: x, image: [x]}\n", ".gitlab-ci.yml:1:23: jobs:a:image: expected a string, found a list"},
      {"a: {script: x, image: {entrypoint: [x]}}\n", ".gitlab-ci.yml:1:23: jobs:a:image: 'name' is missing"},
      {"a: {script: x, artifacts: {path: [x]}}\n",
       ".gitlab-ci.yml:1:28: jobs:a:artifacts: unknown keyword 'path' (did you mean 'paths'?)"},
      {"a: {script: x, artifacts: {reports: {junitt: x}}}\n",
       ".gitlab-ci.yml:1:38: jobs:a:artifacts:reports: unknown keyword 'junitt' (did you mean 'junit'?)"},
      {"a: {script: x, timeout: soon}\n",
       ".gitlab-ci.yml:1:25: jobs:a:timeout: 'soon' is no duration (write it like '1h 30m' or '90 minutes')"},
      {"a: {script: x, variables: {1X: y}}\n",
       ".gitlab-ci.yml:1:28: jobs:a:variables: '1X' is no name for a variable (use letters, digits and _)"},
      {"a: {script: x, variables: {X: [y]}}\n",
       ".gitlab-ci.yml:1:31: jobs:a:variables:X: expected a string, or a map with 'value', found a list"},
      {"a: {script: x, allow_failure: 'yes'}\n",
       ".gitlab-ci.yml:1:31: jobs:a:allow_failure: expected true or false, found a string"},
      {"a: {run: [{name: x}]}\n",
       ".gitlab-ci.yml:1:10: jobs:a:run is not supported yet (write the steps as 'script:')"},
      {"'true': {script: x}\n", ".gitlab-ci.yml:1:1: 'true' cannot be a job's name"},
      {"- a\n", ".gitlab-ci.yml:1:1: the configuration must be a map of jobs, this is a list"},
      {".a: {script: x}\n", ".gitlab-ci.yml:1:1: there is no job (jobs whose names begin with '.' are not run)"},
      {"", ".gitlab-ci.yml: the configuration must be a map of jobs, this is nothing"},
      {"default: {script: x}\na: {script: x}\n",
       ".gitlab-ci.yml:1:11: default: unknown keyword 'script' (known are after_script, artifacts, before_script, "
       "cache, hooks, id_tokens, "
       "identity, image, interruptible, retry, services, tags, timeout)"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(error_of(text), message) << text;
}

TEST(Pipeline, AnErrorInAJobThatIsLeftOutIsAnErrorToo) {
  EXPECT_EQ(error_of("b: {script: x}\na: {script: x, image: {}, rules: [{if: $NO}]}\n"),
            ".gitlab-ci.yml:2:23: jobs:a:image: 'name' is missing");
}

TEST(Pipeline, DebugJsonHoldsTheResolvedJobs) {
  const auto pipeline = read("variables: {A: x}\njob: {script: [echo $A], variables: {B: $A$C}}\n");
  ASSERT_TRUE(pipeline);
  const auto json = parse_json(debug_json(*pipeline), "debug");
  ASSERT_TRUE(json);
  const auto& job = json->at("jobs").at(0);
  EXPECT_EQ(job.at("script").at(0).at("text"), "echo $A");
  EXPECT_EQ(job.at("script").at(0).at("place"), ".gitlab-ci.yml:2:16");
  EXPECT_EQ(job.at("variables").at("B").at("value"), "x");
  EXPECT_EQ(job.at("variables").at("B").at("unknown").at(0), "C");
  EXPECT_EQ(job.at("variables").at("A").at("origin"), "global");
}

}  // namespace
}  // namespace scangate::ci
