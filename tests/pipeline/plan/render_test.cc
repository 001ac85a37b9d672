#include <gtest/gtest.h>

#include "base/json/json.h"
#include "read.h"
#include "seeds.h"

namespace scangate::plan {
namespace {

TEST(PlanText, TheBuildSeed) {
  const auto plan = read_plan(kBuildSeed);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan_text(*plan),
            "Pipeline: 1 stage, 1 job, 1 build, 1 push, behind a scan\n"
            "\n"
            "stage build\n"
            "  docker-build  image docker:latest\n"
            "    .gitlab-ci.yml:7   login  registry.example.com\n"
            "    .gitlab-ci.yml:9   build  registry.example.com/group/app:main  (Dockerfile in .)\n"
            "    +                  scan   registry.example.com/group/app:main  (built in line 9)\n"
            "    .gitlab-ci.yml:10  push   registry.example.com/group/app:main\n");
}

TEST(PlanText, TheEcrSeed) {
  const auto plan = read_plan(kEcrSeed);
  ASSERT_TRUE(plan);
  const std::string text = plan_text(*plan);
  EXPECT_NE(text.find("Pipeline: 2 stages, 2 jobs, 1 build, 3 pushes, each behind a scan\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("(built in line 7 by job 'build')\n"), std::string::npos) << text;
  EXPECT_NE(text.find("(same image as in line 17, verdict used again)\n"), std::string::npos) << text;
}

TEST(PlanText, ColorsOnlyWhenAskedAndNoControlCharactersEver) {
  const auto plan = read_plan("\"a\\e[31m\":\n  script:\n    - \"docker push 'x\\e]0;t\\a'\"\n");
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan_text(*plan).find('\x1b'), std::string::npos);
  EXPECT_EQ(plan_text(*plan).find('\a'), std::string::npos);
  EXPECT_NE(plan_text(*plan, {.colors = true}).find("\x1b[33mscan \x1b[0m"), std::string::npos);
}

TEST(PlanText, SaysWhyThereIsNoPipeline) {
  const auto plan = read_plan("a: {script: x, rules: [{if: $NO}]}\n");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan_text(*plan), "No pipeline: no job takes part\n\nleft out\n  a: none of its rules holds\n");
}

TEST(PlanJson, HoldsOperationsAndOrigins) {
  const auto plan = read_plan(kEcrSeed);
  ASSERT_TRUE(plan);
  const auto json = parse_json(plan_json(*plan), "plan");
  ASSERT_TRUE(json);
  const auto& push = json->at("jobs").at(1).at("operations").at(5);
  EXPECT_EQ(push.at("kind"), "push");
  EXPECT_EQ(push.at("made_by").at("job"), "build");
  EXPECT_EQ(push.at("made_by").at("operation"), 0);
  EXPECT_EQ(push.at("images").at(0).at("decided"), true);
  EXPECT_EQ(json->at("jobs").at(1).at("operations").at(4).at("inserted"), true);
}

TEST(PlanMermaid, TheBuildSeed) {
  const auto plan = read_plan(kBuildSeed);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan_mermaid(*plan),
            "flowchart LR\n"
            "  subgraph s0[\"build\"]\n"
            "    j0([\"docker-build\"])\n"
            "    j0o1[\"build<br/>registry.example.com/group/app:main\"]\n"
            "    j0 --> j0o1\n"
            "    j0o2{\"scan\"}:::scan\n"
            "    j0o1 --> j0o2\n"
            "    j0o3[\"push<br/>registry.example.com/group/app:main\"]\n"
            "    j0o2 -->|pass| j0o3\n"
            "  end\n"
            "  classDef scan fill:#fff3c4,stroke:#b58900\n");
}

TEST(PlanMermaid, LabelsCannotBreakOut) {
  const auto plan = read_plan("'a\"]:::x <b>':\n  script: docker push 'x\"];y'\n");
  ASSERT_TRUE(plan);
  const std::string text = plan_mermaid(*plan);
  EXPECT_NE(text.find("j0([\"a#34;]:::x #60;b#62;\"])"), std::string::npos) << text;
  EXPECT_EQ(text.find("\"];y"), std::string::npos) << text;
}

}  // namespace
}  // namespace scangate::plan
