#include "pipeline/plan/plan.h"

#include <gtest/gtest.h>

#include "read.h"
#include "seeds.h"

namespace scangate::plan {
namespace {

using Lines = std::vector<std::string>;

TEST(Plan, TheBuildSeedGetsItsScanBeforeThePush) {
  const auto plan = read_plan(kBuildSeed);
  ASSERT_TRUE(plan) << plan.error().text();
  const Job& job = plan->jobs.at(0);
  EXPECT_EQ(shape(job),
            (Lines{"login registry.example.com", "build registry.example.com/group/app:main",
                   "scan registry.example.com/group/app:main <0/1", "push registry.example.com/group/app:main <0/1"}));
  EXPECT_TRUE(job.operations[2].inserted);
  EXPECT_EQ(job.operations[1].place.str(), ".gitlab-ci.yml:9:7");
  EXPECT_EQ(job.operations[1].command, "docker build --pull -t \"$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG\" .");
  EXPECT_EQ(job.operations[0].command, "docker login registry.example.com");
  EXPECT_TRUE(job.notes.empty());
}

TEST(Plan, TheEcrSeedKnowsWhichBuildItPushes) {
  const auto plan = read_plan(kEcrSeed);
  ASSERT_TRUE(plan) << plan.error().text();
  const std::string image = "registry.example.com/group/app:01234567";
  const std::string ecr = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/api";
  EXPECT_EQ(shape(plan->jobs.at(1)),
            (Lines{"login 123456789012.dkr.ecr.eu-central-1.amazonaws.com", "pull " + image + " <0/0",
                   "tag " + image + " " + ecr + ":01234567 <0/0", "tag " + image + " " + ecr + ":latest <0/0",
                   "scan " + ecr + ":01234567 <0/0", "push " + ecr + ":01234567 <0/0",
                   "scan " + ecr + ":latest <0/0 =1/4", "push " + ecr + ":latest <0/0"}));
  EXPECT_TRUE(plan->jobs[1].notes.empty());
}

TEST(Plan, AnImageFromOutsideIsMadeByItsPull) {
  const auto plan = read_plan(
      "a:\n  script:\n    - docker pull debian:12\n    - docker tag debian:12 r.example/d:12\n    - docker push "
      "r.example/d:12\n    - docker push r.example/other\n");
  ASSERT_TRUE(plan);
  EXPECT_EQ(shape(plan->jobs.at(0)),
            (Lines{"pull debian:12", "tag debian:12 r.example/d:12 <0/0", "scan r.example/d:12 <0/0",
                   "push r.example/d:12 <0/0", "scan r.example/other", "push r.example/other"}));
}

TEST(Plan, NamesAreComparedAsDockerReadsThem) {
  const auto plan =
      read_plan("a:\n  script:\n    - docker build -t app .\n    - docker push docker.io/library/app:latest\n");
  ASSERT_TRUE(plan);
  EXPECT_EQ(shape(plan->jobs.at(0)).back(), "push docker.io/library/app:latest <0/0");
}

TEST(Plan, BuildxPushIsScannedToo) {
  const auto plan = read_plan(
      "a:\n  script:\n    - docker buildx create --use\n    - docker buildx build --push -t r.example/a:1 -t "
      "r.example/a:2 -f D --target t ctx\n");
  ASSERT_TRUE(plan);
  EXPECT_EQ(shape(plan->jobs.at(0)),
            (Lines{"build r.example/a:1 r.example/a:2", "scan r.example/a:1 <0/0", "push r.example/a:1 <0/0",
                   "scan r.example/a:2 <0/0 =0/1", "push r.example/a:2 <0/0"}));
  EXPECT_EQ(plan->jobs[0].operations[0].dockerfile.text, "D");
  EXPECT_EQ(plan->jobs[0].operations[0].target.text, "t");
  EXPECT_EQ(plan->jobs[0].operations[0].context.text, "ctx");
}

TEST(Plan, JobsOfOneStageDoNotKnowEachOtherUnlessNeeded) {
  const auto plan = read_plan(
      "a: {script: docker build -t r.example/a .}\n"
      "b: {script: docker push r.example/a}\n"
      "c: {script: docker push r.example/a, needs: [a]}\n");
  ASSERT_TRUE(plan);
  EXPECT_EQ(shape(plan->jobs.at(1)).back(), "push r.example/a");
  EXPECT_EQ(shape(plan->jobs.at(2)).back(), "push r.example/a <0/0");
}

TEST(Plan, WhatIsNotServedIsANote) {
  const auto plan = read_plan(
      "a:\n  script:\n    - docker swarm init\n    - podman push\n    - skopeo copy docker://a docker://b\n"
      "    - /kaniko/executor --destination x\n    - $DOCKER push x\n    - docker version\n    - buildah --version\n");
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->jobs.at(0).operations.empty());
  EXPECT_EQ(
      notes(plan->jobs.at(0)),
      (Lines{".gitlab-ci.yml:3:7: docker: 'swarm' is not served by scangate (build, buildx build, push, pull, tag, "
             "login, logout, images, inspect, history, manifest, rmi, save, load, run, create, ps, logs, exec, stop, kill, rm, "
             "wait, port, start, restart, cp, network, volume, version, info and the same under 'docker image' and "
             "'docker container' are)",
             ".gitlab-ci.yml:4:7: podman push: requires exactly 1 argument, the image (see 'docker push --help')",
             ".gitlab-ci.yml:5:7: 'skopeo' is not read by the plan; the gate decides at run time",
             ".gitlab-ci.yml:6:7: 'executor' is not read by the plan; the gate decides at run time",
             ".gitlab-ci.yml:7:7: '$DOCKER': the program is decided at run time"}));
}

TEST(Plan, OperationsAreCapped) {
  std::string text = "a:\n  script:\n";
  for (std::size_t i = 0; i < kMaxOperations / 2 + 3; ++i)
    text += "    - docker push x\n";
  const auto plan = read_plan(text);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->jobs.at(0).operations.size(), kMaxOperations);
  EXPECT_EQ(notes(plan->jobs.at(0)).back(), ".gitlab-ci.yml:1:1: 3 more operations are not shown");
}

}  // namespace
}  // namespace scangate::plan
