// Small files that stand for enormous pipelines.
#include <gtest/gtest.h>

#include "memory_files.h"
#include "pipeline/ci/conditions.h"
#include "pipeline/ci/pipeline.h"

namespace scangate::ci {
namespace {

std::string error_of(const std::string& text) {
  MemoryFiles files(text);
  const auto pipeline = read_pipeline(files, ".gitlab-ci.yml", {});
  return pipeline ? "no error" : pipeline.error().text();
}

TEST(Hostile, JobsAreCapped) {
  std::string text;
  for (int i = 0; i < 26; ++i)
    text += fmt::format("j{}: {{script: x, parallel: 200}}\n", i);
  EXPECT_EQ(error_of(text), ".gitlab-ci.yml:26:1: more than 5000 jobs in the pipeline");
}

TEST(Hostile, VariablesOfAllJobsAreCapped) {
  std::string text = "variables:\n  BIG: " + std::string(100'000, 'x') + "\n";
  for (int i = 0; i < 20; ++i)
    text += fmt::format("j{}: {{script: x, parallel: 200}}\n", i);
  EXPECT_NE(error_of(text).find("the jobs' variables together expand to more than 268435456 bytes"), std::string::npos);
}

TEST(Hostile, MatricesAreCapped) {
  const std::string ten = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]";
  EXPECT_EQ(error_of("a: {script: x, parallel: {matrix: [{A: " + ten + ", B: " + ten + ", C: " + ten + "}]}}\n"),
            ".gitlab-ci.yml:1:35: jobs:a:parallel:matrix: more than 200 jobs");
}

TEST(Hostile, ScriptListsAreCapped) {
  const auto nested = [](int depth) {
    return "a: {script: " + std::string(static_cast<std::size_t>(depth), '[') + "x" +
           std::string(static_cast<std::size_t>(depth), ']') + "}\n";
  };
  EXPECT_EQ(error_of(nested(kMaxScriptNesting + 1)), "no error");
  EXPECT_EQ(error_of(nested(kMaxScriptNesting + 2)),
            ".gitlab-ci.yml:1:24: jobs:a:script: lists nested deeper than 10 levels");
}

TEST(Hostile, ExtendsOfBigBasesEndWithTheBudget) {
  std::string text = ".big: {script: [";
  for (int i = 0; i < 2000; ++i)
    text += "x,";
  text += "x]}\n";
  for (int i = 0; i < 2000; ++i)
    text += fmt::format("j{}: {{extends: .big}}\n", i);
  EXPECT_NE(error_of(text).find("the configuration grows beyond 1000000 values here"), std::string::npos);
}

TEST(Hostile, PatternsAreCapped) {
  std::string patterns;
  for (std::size_t i = 0; i <= kMaxPatterns; ++i)
    patterns += "p,";
  EXPECT_EQ(error_of("a: {script: x, rules: [{exists: [" + patterns + "p]}]}\n"),
            ".gitlab-ci.yml:1:33: jobs:a:rules:exists: more than 50 patterns");
}

}  // namespace
}  // namespace scangate::ci
