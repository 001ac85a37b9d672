// rules, only/except, workflow.
#include <gtest/gtest.h>

#include "memory_files.h"
#include "pipeline/ci/pipeline.h"

namespace scangate::ci {
namespace {

PipelineContext on_branch(const std::string& branch) {
  PipelineContext context;
  context.branch = branch;
  context.default_branch = "main";
  return context;
}
PipelineContext on_tag(const std::string& tag) {
  PipelineContext context;
  context.tag = tag;
  return context;
}
PipelineContext on_merge_request() {
  PipelineContext context;
  context.source = "merge_request_event";
  context.source_branch = "topic";
  context.target_branch = "main";
  return context;
}

bool takes_part(const std::string& job, const PipelineContext& context) {
  MemoryFiles files("other: {script: x, rules: [{when: always}]}\njob:\n  script: x\n" + job);
  files.files["Dockerfile"] = "";
  files.files["src/deep/a.py"] = "";
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", context);
  EXPECT_TRUE(pipeline) << job << "\n" << pipeline.error().text();
  return pipeline && pipeline->find("job") != nullptr;
}

TEST(Rules, TheFirstThatHoldsDecides) {
  EXPECT_TRUE(takes_part("  rules: [{if: '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'}]\n", on_branch("main")));
  EXPECT_FALSE(takes_part("  rules: [{if: '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'}]\n", on_branch("topic")));
  EXPECT_FALSE(takes_part("  rules: [{if: $CI_COMMIT_BRANCH, when: never}, {when: always}]\n", on_branch("topic")));
  EXPECT_TRUE(takes_part("  rules: [{if: $CI_COMMIT_TAG, when: never}, {when: always}]\n", on_branch("topic")));
  EXPECT_TRUE(takes_part("  rules: [{exists: [Dockerfile]}]\n", on_branch("topic")));
  EXPECT_TRUE(takes_part("  rules: [{exists: ['src/**/*.py']}]\n", on_branch("topic")));
  EXPECT_FALSE(takes_part("  rules: [{exists: ['*.py']}]\n", on_branch("topic")));
  EXPECT_TRUE(takes_part("  rules: [{exists: {paths: [Dockerfile]}}]\n", on_branch("topic")));
  EXPECT_FALSE(takes_part("  rules: [{if: $CI, exists: [nothing]}]\n", on_branch("topic")));
}

TEST(Rules, ChangesHoldWhenNothingIsKnown) {
  PipelineContext context = on_branch("topic");
  EXPECT_TRUE(takes_part("  rules: [{changes: [Dockerfile]}]\n", context));
  context.changed_paths = std::vector<std::string>{"README.md"};
  EXPECT_FALSE(takes_part("  rules: [{changes: [Dockerfile]}]\n", context));
  EXPECT_TRUE(takes_part("  rules: [{changes: {paths: ['*.md']}}]\n", context));
}

TEST(Rules, GiveWhenVariablesNeedsAndAllowFailure) {
  MemoryFiles files(
      "stages: [a, b]\n"
      "first: {stage: a, script: x}\n"
      "job:\n  stage: b\n  script: x\n  variables: {WHERE: job}\n"
      "  rules:\n    - if: $CI_COMMIT_BRANCH\n      when: manual\n      allow_failure: true\n      variables: {WHERE: "
      "rule}\n      needs: [first]\n");
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", on_branch("x"));
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  const Job* job = pipeline->find("job");
  EXPECT_EQ(job->when, When::manual);
  EXPECT_TRUE(job->allow_failure.allowed);
  EXPECT_EQ(job->variables.find("WHERE")->value, "rule");
  ASSERT_EQ(job->needs->size(), 1U);
  EXPECT_EQ(job->needs->at(0).job, "first");
}

TEST(Rules, ManualWithoutRulesMayFail) {
  MemoryFiles files("a: {script: x, when: manual}\nb: {script: x, rules: [{when: manual}]}\n");
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", {});
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  EXPECT_TRUE(pipeline->find("a")->allow_failure.allowed);
  EXPECT_FALSE(pipeline->find("b")->allow_failure.allowed);
}

TEST(Only, KeywordsNamesAndPatterns) {
  struct Case {
    const char* job;
    PipelineContext context;
    bool expected;
  };
  const Case cases[] = {
      {"  only: [main]\n", on_branch("main"), true},
      {"  only: [main]\n", on_branch("topic"), false},
      {"  only: main\n", on_branch("main"), true},
      {"  only: [branches]\n", on_branch("x"), true},
      {"  only: [branches]\n", on_tag("v1"), false},
      {"  only: [tags]\n", on_tag("v1"), true},
      {"  only: ['/^release-.*$/']\n", on_branch("release-1"), true},
      {"  only: ['/^release-.*$/i']\n", on_branch("Release-1"), true},
      {"  only: ['/^release-.*$/']\n", on_branch("main"), false},
      {"  only: [merge_requests]\n", on_merge_request(), true},
      {"  only: [merge_requests]\n", on_branch("main"), false},
      {"  except: [main]\n", on_branch("main"), false},
      {"  except: [main]\n", on_branch("topic"), true},
      {"  except: {variables: [$CI_COMMIT_BRANCH]}\n", on_branch("topic"), false},
      {"  only: {refs: [branches], variables: ['$CI_COMMIT_BRANCH == \"main\"']}\n", on_branch("main"), true},
      {"  only: {refs: [branches], variables: ['$CI_COMMIT_BRANCH == \"main\"']}\n", on_branch("topic"), false},
      {"  only: [schedules]\n", on_branch("main"), false},
      {"", on_merge_request(), false},
      {"", on_tag("v1"), true},
  };
  for (const Case& c : cases)
    EXPECT_EQ(takes_part(c.job, c.context), c.expected) << c.job << " " << c.context.ref_name();
}

TEST(Workflow, DecidesAboutTheWholePipeline) {
  const std::string text =
      "workflow:\n  name: 'Build of $CI_COMMIT_BRANCH'\n  rules:\n"
      "    - if: $CI_COMMIT_BRANCH == \"main\"\n      variables: {TARGET: production}\n"
      "    - if: $CI_COMMIT_TAG\n      when: never\n"
      "job: {script: x}\n";
  MemoryFiles files(text);
  const auto main = read_pipeline(files, ".gitlab-ci.yml", on_branch("main"));
  ASSERT_TRUE(main) << main.error().text();
  EXPECT_EQ(main->name, "Build of main");
  EXPECT_EQ(main->jobs.at(0).variables.find("TARGET")->value, "production");
  const auto tag = read_pipeline(files, ".gitlab-ci.yml", on_tag("v1"));
  ASSERT_TRUE(tag);
  EXPECT_EQ(tag->not_created, ".gitlab-ci.yml:6:7: the rule of 'workflow' says never");
  EXPECT_TRUE(tag->jobs.empty());
  const auto topic = read_pipeline(files, ".gitlab-ci.yml", on_branch("topic"));
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->not_created, ".gitlab-ci.yml:4:5: none of the rules of 'workflow' holds");
}

TEST(Workflow, WithRulesJobsAlsoTakePartInMergeRequests) {
  MemoryFiles files("workflow: {rules: [{when: always}]}\njob: {script: x}\n");
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", on_merge_request());
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  EXPECT_NE(pipeline->find("job"), nullptr);
}

TEST(Rules, ErrorsNameThePlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"  rules: [{if: '${A} == 1'}]\n",
       ".gitlab-ci.yml:3:16: jobs:job:rules:if: invalid expression: '${A}' is not allowed in an expression (write "
       "$NAME without braces)"},
      {"  rules: [{when: sometimes}]\n",
       ".gitlab-ci.yml:3:18: jobs:job:rules:when: 'sometimes' is not one of on_success, on_failure, always, manual, "
       "delayed, never"},
      {"  rules: [{exist: [a]}]\n",
       ".gitlab-ci.yml:3:12: jobs:job:rules: unknown keyword 'exist' (did you mean 'exists'?)"},
      {"  rules: [{when: always}]\n  only: [main]\n",
       ".gitlab-ci.yml:4:9: jobs:job: 'only' cannot be used with 'rules'"},
      {"  only: ['/(/']\n", ".gitlab-ci.yml:3:10: jobs:job:only:refs: invalid regular expression '(': missing ): ("},
      {"  rules: [{changes: {paths: [a], compare_to: main}}]\n",
       ".gitlab-ci.yml:3:46: jobs:job:rules:changes:compare_to is not supported yet (remove it: changes are compared "
       "with the parent commit)"},
  };
  for (const auto& [job, message] : cases) {
    MemoryFiles files(std::string("job:\n  script: x\n") + job);
    const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", on_branch("main"));
    ASSERT_FALSE(pipeline) << job;
    EXPECT_EQ(pipeline.error().text(), message);
  }
}

}  // namespace
}  // namespace scangate::ci
