#include "executor/local/job_description.h"

#include <gtest/gtest.h>

#include "tests/pipeline/ci/memory_files.h"

namespace scangate {
namespace {

JobResponse described(const std::string& yaml, const ci::PipelineContext& context) {
  ci::MemoryFiles files(yaml);
  auto pipeline = ci::read_pipeline(files, ".gitlab-ci.yml", context);
  if (!pipeline) {
    ADD_FAILURE() << pipeline.error().text();
    return {};
  }
  return describe_job(pipeline->jobs.at(0), context);
}

ci::PipelineContext a_context() {
  ci::PipelineContext context;
  context.branch = "main";
  context.project_path = "group/app";
  context.project_dir = local_project_folder(context);
  return context;
}

TEST(JobDescription, IsWhatGitLabWouldSend) {
  const auto job = described(R"(variables: {TAG: "1"}
test:
  image: {name: "tools:$TAG", entrypoint: [""], pull_policy: [always, never], docker: {platform: linux/arm64, user: app}}
  services: [{name: "postgres:16", alias: "db, database", command: [postgres], entrypoint: [/run], variables: {DB: "x$TAG"}}, "docker:dind"]
  timeout: 2m
  script: x
  after_script: [y]
  artifacts: {reports: {junit: [a.xml, b.xml]}}
)",
                             a_context());
  EXPECT_EQ(job.job_name, "test");
  EXPECT_EQ(job.stage, "test");
  EXPECT_EQ(job.image, (JobImage{.name = "tools:1",
                                 .entrypoint = {""},
                                 .pull_policy = {"always", "never"},
                                 .platform = "linux/arm64",
                                 .user = "app"}));
  ASSERT_EQ(job.services.size(), 2U);
  EXPECT_EQ(job.services[0].image, (JobImage{.name = "postgres:16",
                                             .entrypoint = {"/run"},
                                             .pull_policy = {"if-not-present"},
                                             .platform = "",
                                             .user = ""}));
  EXPECT_EQ(job.services[0].aliases, (std::vector<std::string>{"db", "database"}));
  EXPECT_EQ(job.services[0].command, (std::vector<std::string>{"postgres"}));
  ASSERT_EQ(job.services[0].variables.size(), 1U);
  EXPECT_EQ(job.services[0].variables[0].value, "x1");
  EXPECT_EQ(job.services[1].image.name, "docker:dind");
  EXPECT_EQ(job.timeout_seconds, 120);
  EXPECT_TRUE(job.has_after_script);
  EXPECT_EQ(job.variable("CI_PROJECT_DIR"), "/builds/group/app");
  EXPECT_EQ(job.variable("CI_BUILDS_DIR"), "/builds");
  ASSERT_EQ(job.artifacts.size(), 1U);
  EXPECT_EQ(job.artifacts[0].type, "junit");
  EXPECT_EQ(job.artifacts[0].paths, (std::vector<std::string>{"a.xml", "b.xml"}));
  EXPECT_TRUE(job.credentials.empty());
  EXPECT_TRUE(job.token.empty());
}

TEST(JobDescription, CredentialsAndTheirHostsAreThePersonsOwnNeverTheYamls) {
  const char* const yaml =
      "variables: {CI_REGISTRY: evil.example, CI_REGISTRY_PASSWORD: fake, CI_JOB_TOKEN: fake}\ntest: {script: x}\n";
  EXPECT_TRUE(described(yaml, a_context()).credentials.empty());
  auto context = a_context();
  context.pipeline_variables = {{"CI_REGISTRY_PASSWORD", "secret"}, {"CI_JOB_TOKEN", "token"}};
  EXPECT_TRUE(described(yaml, context).credentials.empty());
  context.registry = "registry.example";
  context.server_url = "https://gitlab.example";
  const auto job = described(yaml, context);
  ASSERT_EQ(job.credentials.size(), 1U);
  EXPECT_EQ(job.credentials[0].url, "registry.example");
  EXPECT_EQ(job.credentials[0].username, "gitlab-ci-token");
  EXPECT_EQ(job.credentials[0].password, "secret");
  EXPECT_EQ(job.token, "token");
  EXPECT_EQ(job.repository_url, "https://gitlab.example/group/app.git");
}

TEST(JobDescription, AProjectLiesBelowTheBuildsFolder) {
  auto context = a_context();
  for (const auto& [path, folder] : {std::pair{"a/b/c", "/builds/a/b/c"},
                                     {"/a", "/builds/a"},
                                     {"x//y", "/builds/x/y"},
                                     {"../../etc", "/builds/etc"},
                                     {"..", "/builds/project"}}) {
    context.project_path = path;
    EXPECT_EQ(local_project_folder(context), folder);
  }
}

TEST(JobDescription, ScriptsShowEachCommandAndStopAtTheFirstFailure) {
  JobResponse job;
  job.variables = {{.key = "A", .value = "it's"}};
  EXPECT_EQ(job_script_text(job, {{.text = "echo \"$A\"\nsecond line", .place = {}}, {.text = "true", .place = {}}},
                            "/builds/p"),
            "set -eo pipefail 2>/dev/null || set -e\nset +o noclobber\n"
            "export A='it'\\''s'\n"
            "cd '/builds/p'\n"
            "eval 'printf '\\''\\033[32;1m$ %s\\033[0m\\n'\\'' '\\''echo \"$A\"'\\''\n"
            "echo \"$A\"\nsecond line\n"
            "printf '\\''\\033[32;1m$ %s\\033[0m\\n'\\'' '\\''true'\\''\n"
            "true\n' </dev/null\n");
}

}  // namespace
}  // namespace scangate
