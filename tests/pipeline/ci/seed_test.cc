// Configurations as people write them.
#include <gtest/gtest.h>

#include "memory_files.h"
#include "pipeline/ci/pipeline.h"

namespace scangate::ci {
namespace {

TEST(Seed, DockerBuildAndPushToTheProjectsRegistry) {
  MemoryFiles files(R"(# This file is a template, and might need editing before it works on your project.
docker-build:
  image: docker:latest
  stage: build
  services:
    - docker:dind
  before_script:
    - docker login -u "$CI_REGISTRY_USER" -p "$CI_REGISTRY_PASSWORD" $CI_REGISTRY
  # All branches are tagged with $CI_COMMIT_REF_SLUG
  script:
    - docker build --pull -t "$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG" .
    - docker push "$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG"
  rules:
    - if: $CI_COMMIT_BRANCH
      exists:
        - Dockerfile
)");
  files.files["Dockerfile"] = "FROM debian\n";
  PipelineContext context;
  context.branch = "main";
  context.registry = "registry.example.com";
  context.project_path = "group/app";
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", context);
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  ASSERT_EQ(pipeline->jobs.size(), 1U);
  const Job& job = pipeline->jobs[0];
  EXPECT_EQ(job.image->name, "docker:latest");
  EXPECT_EQ(job.services.at(0).image.name, "docker:dind");
  ASSERT_EQ(job.script.size(), 2U);
  EXPECT_EQ(job.script[0].place.str(), ".gitlab-ci.yml:11:7");
  EXPECT_EQ(*job.variables.expand("$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG"), "registry.example.com/group/app:main");
  EXPECT_TRUE(pipeline->warnings.empty());
}

TEST(Seed, AnchorsExtendsAndEcr) {
  MemoryFiles files(R"(stages: [build, test, publish]

variables:
  AWS_REGION: eu-central-1
  ECR: 123456789012.dkr.ecr.$AWS_REGION.amazonaws.com
  IMAGE: $ECR/shop/api

.docker: &docker
  image: docker:24.0
  services: ["docker:24.0-dind"]
  variables: &tls
    DOCKER_TLS_CERTDIR: /certs

.login:
  script:
    - aws ecr get-login-password --region $AWS_REGION | docker login --username AWS --password-stdin $ECR

build:
  <<: *docker
  stage: build
  script:
    - docker build -t $IMAGE:$CI_COMMIT_SHORT_SHA .
    - !reference [.login, script]
    - docker push $IMAGE:$CI_COMMIT_SHORT_SHA

publish:
  extends: .docker
  stage: publish
  variables:
    <<: *tls
    SOURCE: $IMAGE:$CI_COMMIT_SHORT_SHA
  needs: [build]
  script:
    - !reference [.login, script]
    - docker pull $SOURCE
    - docker tag $SOURCE $IMAGE:latest
    - docker push $IMAGE:latest
  only:
    - main
)");
  PipelineContext context;
  context.branch = "main";
  context.sha = "0123456789abcdef0123456789abcdef01234567";
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", context);
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  const Job* publish = pipeline->find("publish");
  ASSERT_NE(publish, nullptr);
  EXPECT_EQ(publish->variables.find("SOURCE")->value,
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/api:01234567");
  EXPECT_EQ(publish->variables.find("DOCKER_TLS_CERTDIR")->value, "/certs");
  EXPECT_EQ(publish->script.size(), 4U);
  EXPECT_EQ(pipeline->find("build")->services.at(0).image.name, "docker:24.0-dind");
}

}  // namespace
}  // namespace scangate::ci
