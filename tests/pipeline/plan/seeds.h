#pragma once
// The two pipelines everything here must serve as they are written.
namespace scangate::plan {

inline constexpr char kBuildSeed[] = R"(docker-build:
  image: docker:latest
  stage: build
  services:
    - docker:dind
  before_script:
    - docker login -u "$CI_REGISTRY_USER" -p "$CI_REGISTRY_PASSWORD" $CI_REGISTRY
  script:
    - docker build --pull -t "$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG" .
    - docker push "$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG"
)";

inline constexpr char kEcrSeed[] = R"(stages: [build, publish]
variables:
  ECR: 123456789012.dkr.ecr.$AWS_REGION.amazonaws.com
build:
  stage: build
  script:
    - docker build -t $CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA .
    - docker push $CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA
ecr:
  stage: publish
  variables: {AWS_REGION: eu-central-1}
  script:
    - aws ecr get-login-password --region $AWS_REGION | docker login --username AWS --password-stdin $ECR
    - docker pull $CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA
    - docker tag $CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA $ECR/shop/api:$CI_COMMIT_SHORT_SHA
    - docker tag $CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA $ECR/shop/api:latest
    - docker push $ECR/shop/api:$CI_COMMIT_SHORT_SHA
    - docker push $ECR/shop/api:latest
)";

}  // namespace scangate::plan
