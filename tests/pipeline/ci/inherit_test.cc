// extends, !reference, default, inherit.
#include <gtest/gtest.h>

#include "memory_files.h"
#include "pipeline/ci/pipeline.h"

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
std::vector<std::string> texts(const std::vector<ScriptLine>& lines) {
  std::vector<std::string> out;
  for (const ScriptLine& line : lines)
    out.push_back(line.text);
  return out;
}
using Texts = std::vector<std::string>;

TEST(Extends, LaterBasesWinAndTheJobIsOnTop) {
  const auto pipeline = read(
      ".a: {image: a, script: [a], variables: {X: a, Y: a, Z: a}, before_script: [pre]}\n"
      ".b: {extends: .a, image: b, variables: {Y: b}}\n"
      ".c: {image: c}\n"
      "job: {extends: [.b, .c], variables: {Z: job}, before_script: null}\n");
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  const Job& job = pipeline->jobs.at(0);
  EXPECT_EQ(job.image->name, "c");
  EXPECT_EQ(texts(job.script), Texts{"a"});
  EXPECT_EQ(job.variables.find("X")->value, "a");
  EXPECT_EQ(job.variables.find("Y")->value, "b");
  EXPECT_EQ(job.variables.find("Z")->value, "job");
  EXPECT_TRUE(job.before_script.empty());
}

TEST(Extends, TenAncestorsAreTheMost) {
  const auto chain = [](int length, bool backwards) {
    std::vector<std::string> lines = {".a0: {script: x}\n"};
    for (int i = 1; i < length; ++i)
      lines.push_back(fmt::format(".a{}: {{extends: .a{}}}\n", i, i - 1));
    lines.push_back(fmt::format("job: {{extends: .a{}}}\n", length - 1));
    std::string text;
    if (backwards) std::reverse(lines.begin(), lines.end());
    for (const std::string& line : lines)
      text += line;
    return text;
  };
  for (const bool backwards : {false, true}) {
    EXPECT_TRUE(read(chain(10, backwards)));
    const std::string message = error_of(chain(11, backwards));
    EXPECT_NE(message.find("nesting too deep in 'extends', at most 10 levels"), std::string::npos) << message;
  }
}

TEST(Extends, ErrorsNameThePlace) {
  EXPECT_EQ(error_of(".build: {script: x}\njob:\n  extends: .biuld\n"),
            ".gitlab-ci.yml:3:12: jobs:job: unknown job '.biuld' in 'extends' (did you mean '.build'?)");
  EXPECT_EQ(error_of("a: {extends: b}\nb: {extends: a}\n"),
            ".gitlab-ci.yml:1:14: jobs:a: circular dependency in 'extends'");
  EXPECT_EQ(error_of("a: {extends: {x: y}, script: x}\n"),
            ".gitlab-ci.yml:1:14: jobs:a: 'extends' is a job's name or a list of them, not a map");
}

TEST(Reference, BringsPartsOfOtherJobsAndIsFlattenedInScripts) {
  const auto pipeline = read(
      ".setup:\n  script: [one, two]\n  variables: {URL: http://x}\n"
      ".more:\n  script:\n    - !reference [.setup, script]\n    - three\n"
      "job:\n  variables:\n    URL: !reference [.setup, variables, URL]\n"
      "  script:\n    - !reference [.more, script]\n    - four\n");
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  const Job& job = pipeline->jobs.at(0);
  EXPECT_EQ(texts(job.script), (Texts{"one", "two", "three", "four"}));
  EXPECT_EQ(job.script[0].place.str(), ".gitlab-ci.yml:2:12");
  EXPECT_EQ(job.variables.find("URL")->value, "http://x");
}

TEST(Reference, ErrorsNameThePlace) {
  EXPECT_EQ(
      error_of("job:\n  script: !reference [.a, script]\n"),
      ".gitlab-ci.yml:2:11: !reference [.a, script] could not be found (references are resolved before 'extends' is)");
  EXPECT_EQ(error_of("a:\n  script: !reference [b, script]\nb:\n  script: !reference [a, script]\n"),
            ".gitlab-ci.yml:2:11: !reference [b, script] is part of a circle");
}

TEST(Reference, BombsEndWithTheBudget) {
  std::string text = ".a0: {script: [x, x, x, x, x, x, x, x, x, x]}\n";
  for (int i = 1; i <= 9; ++i) {
    text += fmt::format(".a{}: {{script: [", i);
    for (int j = 0; j < 10; ++j)
      text += fmt::format("{}!reference [.a{}, script]", j == 0 ? "" : ", ", i - 1);
    text += "]}\n";
  }
  EXPECT_NE(error_of(text + "job: {script: x}\n").find("grows beyond 1000000 values"), std::string::npos);
}

TEST(Default, IsTakenWhereTheJobSaysNothing) {
  const auto pipeline = read(
      "default:\n  image: debian:12\n  before_script: [pre]\n  tags: [linux]\n  timeout: 1h 30m\n  retry: 1\n"
      "a: {script: a}\n"
      "b: {script: b, image: alpine, before_script: []}\n"
      "c: {script: c, inherit: {default: [image]}}\n"
      "d: {script: d, inherit: {default: false}}\n");
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  EXPECT_EQ(pipeline->find("a")->image->name, "debian:12");
  EXPECT_EQ(texts(pipeline->find("a")->before_script), Texts{"pre"});
  EXPECT_EQ(pipeline->find("a")->timeout_seconds, 5400);
  EXPECT_EQ(pipeline->find("a")->retry.max, 1);
  EXPECT_EQ(pipeline->find("a")->tags, Texts{"linux"});
  EXPECT_EQ(pipeline->find("b")->image->name, "alpine");
  EXPECT_TRUE(pipeline->find("b")->before_script.empty());
  EXPECT_EQ(pipeline->find("c")->image->name, "debian:12");
  EXPECT_TRUE(pipeline->find("c")->before_script.empty());
  EXPECT_FALSE(pipeline->find("d")->image);
}

TEST(Default, OldTopLevelKeywordsServeToo) {
  const auto pipeline = read("image: debian\nbefore_script: pre\na: {script: a}\n");
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  EXPECT_EQ(pipeline->jobs[0].image->name, "debian");
  EXPECT_EQ(texts(pipeline->jobs[0].before_script), Texts{"pre"});
  EXPECT_EQ(error_of("image: a\ndefault: {image: b}\na: {script: a}\n"),
            ".gitlab-ci.yml:1:8: 'image' stands at the top and under 'default:' (keep one of them)");
}

TEST(Inherit, VariablesCanBeLeftOut) {
  const auto pipeline = read(
      "variables: {A: 1, B: 2}\n"
      "a: {script: a, inherit: {variables: false}}\n"
      "b: {script: b, inherit: {variables: [B]}}\n");
  ASSERT_TRUE(pipeline) << pipeline.error().text();
  EXPECT_EQ(pipeline->find("a")->variables.find("A"), nullptr);
  EXPECT_EQ(pipeline->find("b")->variables.find("A"), nullptr);
  EXPECT_EQ(pipeline->find("b")->variables.find("B")->value, "2");
}

}  // namespace
}  // namespace scangate::ci
