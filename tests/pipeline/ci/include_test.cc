#include <gtest/gtest.h>

#include "memory_files.h"
#include "pipeline/ci/pipeline.h"

namespace scangate::ci {
namespace {

std::string error_of(MemoryFiles& files) {
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", {});
  return pipeline ? "no error" : pipeline.error().text();
}

TEST(Include, TheIncludingFileIsOnTopAndListsAreReplaced) {
  MemoryFiles files(
      "include:\n  - local: /ci/one.yml\n  - ci/two.yml\n"
      "build:\n  variables: {B: root}\n");
  files.files["ci/one.yml"] = "build:\n  script: [one, two]\n  variables: {A: one, B: one}\n";
  files.files["ci/two.yml"] = "build:\n  script: [three]\n";
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", {});
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  ASSERT_EQ(pipeline->jobs.size(), 1U);
  const Job& job = pipeline->jobs[0];
  ASSERT_EQ(job.script.size(), 1U);
  EXPECT_EQ(job.script[0].text, "three");
  EXPECT_EQ(job.script[0].place.str(), "ci/two.yml:2:12");
  EXPECT_EQ(job.variables.find("A")->value, "one");
  EXPECT_EQ(job.variables.find("B")->value, "root");
  EXPECT_EQ(pipeline->files, (std::vector<std::string>{".gitlab-ci.yml", "ci/one.yml", "ci/two.yml"}));
}

TEST(Include, NestedGlobsAndVariables) {
  MemoryFiles files("include: $FOLDER/*.yml\n");
  files.files["ci/b.yml"] = "b: {script: b}\n";
  files.files["ci/a.yml"] = "include: ci/deep/**/*.yml\na: {script: a}\n";
  files.files["ci/deep/x/y.yml"] = "y: {script: y}\n";
  files.files["ci/skip.txt"] = "not yaml: [";
  PipelineContext context;
  context.project_variables["FOLDER"] = "ci";
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", context);
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  EXPECT_EQ(pipeline->files, (std::vector<std::string>{".gitlab-ci.yml", "ci/a.yml", "ci/deep/x/y.yml", "ci/b.yml"}));
  EXPECT_EQ(pipeline->jobs.size(), 3U);
}

TEST(Include, RulesDecide) {
  MemoryFiles files(
      "include:\n"
      "  - {local: a.yml, rules: [{if: '$CI_PIPELINE_SOURCE == \"push\"'}]}\n"
      "  - {local: b.yml, rules: [{exists: [nothing]}]}\n"
      "  - {local: b.yml, rules: [{if: $CI, when: never}]}\n");
  files.files["a.yml"] = "a: {script: a}\n";
  files.files["b.yml"] = "b: {script: b}\n";
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", {});
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  ASSERT_EQ(pipeline->jobs.size(), 1U);
  EXPECT_EQ(pipeline->jobs[0].name, "a");
}

TEST(Include, InputsAreFilledIn) {
  MemoryFiles files(
      "include:\n  - local: t.yml\n    inputs: {job: scan, level: 3}\n"
      "  - local: t.yml\n    inputs: {job: lint}\n");
  files.files["t.yml"] =
      "spec:\n  inputs:\n    job: {}\n    level: {type: number, default: 1, options: [1, 3]}\n    flags: {type: array, "
      "default: [a, b]}\n"
      "---\n"
      "\"$[[ inputs.job ]]-job\":\n  script:\n    - run --level=$[[inputs.level]]\n    - $[[ inputs.flags ]]\n";
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", {});
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  ASSERT_EQ(pipeline->jobs.size(), 2U);
  EXPECT_EQ(pipeline->jobs[0].name, "scan-job");
  EXPECT_EQ(pipeline->jobs[0].script[0].text, "run --level=3");
  ASSERT_EQ(pipeline->jobs[0].script.size(), 3U);
  EXPECT_EQ(pipeline->jobs[0].script[2].text, "b");
  EXPECT_EQ(pipeline->jobs[1].script[0].text, "run --level=1");
}

TEST(Include, ErrorsNameThePlaceAndTheRemedy) {
  struct Case {
    const char* root;
    const char* included;
    const char* message;
  };
  const Case cases[] = {
      {"include: missing.yml\n", "",
       ".gitlab-ci.yml:1:10: include: local file 'missing.yml' does not exist (paths start at the root of the "
       "repository)"},
      {"include: a.txt\n", "",
       ".gitlab-ci.yml:1:10: included file 'a.txt' has no YAML extension (its name must end with .yml or .yaml)"},
      {"include: ../a.yml\n", "", ".gitlab-ci.yml:1:10: '../a.yml' is not a path from the root of the repository"},
      {"include: https://x.example/a.yml\n", "",
       ".gitlab-ci.yml:1:10: 'include: remote' is not supported yet (copy the file into the repository and include it "
       "with 'local:')"},
      {"include:\n  - project: g/p\n    file: a.yml\n", "",
       ".gitlab-ci.yml:2:14: 'include: project' is not supported yet (copy the file into the repository and include it "
       "with 'local:')"},
      {"include:\n  - component: g/p@1\n", "",
       ".gitlab-ci.yml:2:16: 'include: component' is not supported yet (copy the file into the repository and include "
       "it with 'local:')"},
      {"include:\n  - template: X.yml\n", "",
       ".gitlab-ci.yml:2:15: 'include: template' is not supported yet (copy the file into the repository and include "
       "it with 'local:')"},
      {"include:\n  - locale: a.yml\n", "",
       ".gitlab-ci.yml:2:5: include: unknown keyword 'locale' (did you mean 'local'?)"},
      {"include: a.yml\n", "include: a.yml\n", "a.yml:1:10: 'a.yml' includes itself"},
      {"include: a.yml\n", "- x\n", "a.yml:1:1: an included file must be a map, this is a list"},
      {"include: {local: a.yml, inputs: {x: 1}}\n", "a: {script: a}\n",
       ".gitlab-ci.yml:1:34: unknown input 'x' (the included file does not declare it under 'spec:inputs')"},
      {"include: a.yml\n", "spec: {inputs: {x: }}\n---\na: {script: a}\n",
       ".gitlab-ci.yml:1:10: input 'x' has no default and is not given (set it under 'include:inputs')"},
      {"include: {local: a.yml, inputs: {x: 1}}\n", "spec: {inputs: {x: }}\n---\na: {script: a}\n",
       ".gitlab-ci.yml:1:37: input 'x': expected a string, found a number"},
      {"include: a.yml\n", "spec: {inputs: {x: {default: y}}}\n---\na: {script: '$[[ inputs.z ]]'}\n",
       "a.yml:3:13: unknown input 'z' (did you mean 'x'?)"},
      {"include: a.yml\n", "spec: {inputs: {x: {default: y}}}\n---\na: {script: '$[[ inputs.x | truncate(0,1) ]]'}\n",
       "a.yml:3:13: functions in '$[[ inputs.x | truncate(0,1) ]]' are not supported yet"},
  };
  for (const Case& c : cases) {
    MemoryFiles files(c.root);
    if (*c.included != '\0') files.files["a.yml"] = c.included;
    EXPECT_EQ(error_of(files), c.message) << c.root;
  }
}

TEST(Include, FilesAreCapped) {
  std::string root = "include:\n";
  MemoryFiles files;
  for (std::size_t i = 0; i < kMaxIncludes; ++i) {
    root += fmt::format("  - f{}.yml\n", i);
    files.files[fmt::format("f{}.yml", i)] = fmt::format("j{}: {{script: x}}\n", i);
  }
  files.files[".gitlab-ci.yml"] = root;
  EXPECT_EQ(error_of(files), "no error");
  files.files[".gitlab-ci.yml"] = root + "  - f0.yml\n";
  EXPECT_EQ(error_of(files), ".gitlab-ci.yml:152:5: more than 150 included files");
}

TEST(Include, AMissingRootSaysSo) {
  MemoryFiles files;
  EXPECT_EQ(error_of(files), ".gitlab-ci.yml: there is no such file (add one, or name it with its path)");
}

}  // namespace
}  // namespace scangate::ci
