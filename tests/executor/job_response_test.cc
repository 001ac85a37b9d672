#include "executor/runner/job_response.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

TEST(JobResponse, ReadsWhatTheExecutorNeeds) {
  const auto job = parse_job_response(R"({"id": 42, "token": "t",
    "job_info": {"name": "build", "stage": "test", "project_id": 7, "project_full_path": "group/app"},
    "git_info": {"repo_url": "https://gitlab-ci-token:t@gitlab.example/group/app.git", "ref": "main", "sha": "abc"}, "runner_info": {"timeout": 3600},
    "variables": [{"key": "CI_REGISTRY", "value": "registry.example"}, {"key": "TAG", "value": "1"}, {"key": "F", "value": "content", "file": true}],
    "image": {"name": "$CI_REGISTRY/tools:${TAG}", "entrypoint": [""], "pull_policy": ["if-not-present", "always"],
              "executor_opts": {"docker": {"platform": "linux/amd64", "user": "app"}}},
    "services": [{"name": "docker:dind", "alias": "docker"},
                 {"name": "postgres:16", "alias": "db, database", "command": ["postgres", "-c", "fsync=off"], "variables": [{"key": "POSTGRES_DB", "value": "x"}]}],
    "artifacts": [{"artifact_type": "junit", "artifact_format": "gzip", "paths": ["report.xml"], "when": "always"}],
    "credentials": [{"type": "registry", "url": "registry.example", "username": "gitlab-ci-token", "password": "t"}]})",
                                      "job.json");
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_EQ(job->id, 42);
  EXPECT_EQ(job->project_id, "7");
  EXPECT_EQ(job->image, (JobImage{.name = "registry.example/tools:1", .entrypoint = {""}, .pull_policy = {"if-not-present", "always"}, .platform = "linux/amd64", .user = "app"}));
  EXPECT_EQ(job->project_path, "group/app");
  EXPECT_EQ(job->repository_url, "https://gitlab-ci-token:t@gitlab.example/group/app.git");
  ASSERT_EQ(job->services.size(), 2U);
  EXPECT_EQ(job->services[0].image.name, "docker:dind");
  EXPECT_EQ(job->services[0].aliases, (std::vector<std::string>{"docker"}));
  EXPECT_EQ(job->services[1].aliases, (std::vector<std::string>{"db", "database"}));
  EXPECT_EQ(job->services[1].command, (std::vector<std::string>{"postgres", "-c", "fsync=off"}));
  EXPECT_EQ(job->services[1].variables[0].key, "POSTGRES_DB");
  EXPECT_TRUE(job->variables[2].is_file);
  EXPECT_EQ(job->artifacts[0].paths, (std::vector<std::string>{"report.xml"}));
  EXPECT_EQ(job->credentials[0].username, "gitlab-ci-token");
  EXPECT_EQ(job->timeout_seconds, 3600);
}

TEST(JobResponse, CircularVariablesInTheImageEnd) {
  const auto job = parse_job_response(R"({"id": 1, "variables": [{"key": "A", "value": "$B$B"}, {"key": "B", "value": "$A$A"}], "image": {"name": "$A"}})", "j");
  ASSERT_TRUE(job) << job.error().text();
  EXPECT_LT(job->image.name.size(), 200'000U);
}

TEST(JobResponse, ABrokenFileIsTheHostsFault) {
  for (const char* text : {"", "[]", "{\"id\": \"x\"}", "{"}) {
    const auto job = parse_job_response(text, "job.json");
    ASSERT_FALSE(job) << text;
    EXPECT_EQ(job.error().fault(), Fault::host);
  }
}

}  // namespace
}  // namespace scangate
