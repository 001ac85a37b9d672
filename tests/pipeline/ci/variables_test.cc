#include "pipeline/ci/variables.h"

#include <gtest/gtest.h>

#include "pipeline/ci/context.h"

namespace scangate::ci {
namespace {

TEST(Variables, ExpandInOrderOfDependence) {
  Variables variables;
  variables.set("A", "$B-$C", VariableOrigin::job);
  variables.set("B", "${C}b", VariableOrigin::job);
  variables.set("C", "c", VariableOrigin::global);
  ASSERT_TRUE(variables.expand_all());
  EXPECT_EQ(variables.find("A")->value, "cb-c");
}

TEST(Variables, DollarRules) {
  Variables variables;
  variables.set("A", "x", VariableOrigin::job);
  ASSERT_TRUE(variables.expand_all());
  const std::pair<const char*, const char*> cases[] = {
      {"$A", "x"},     {"${A}", "x"}, {"$$A", "$A"},          {"$MISSING.", "."},
      {"$", "$"},      {"a$", "a$"},  {"$A$A", "xx"},         {"$1", "$1"},
      {"${A", "${A"},  {"$A_", ""},   {"${A:-b}", "${A:-b}"}, {"$$", "$"},
      {"${A}_", "x_"}, {"$$$A", "$x"}};
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(*variables.expand(text), expected) << text;
}

TEST(Variables, StrongerOriginsWin) {
  Variables variables;
  variables.set("A", "pipeline", VariableOrigin::pipeline);
  variables.set("A", "job", VariableOrigin::job);
  variables.set("B", "global", VariableOrigin::global);
  variables.set("B", "job", VariableOrigin::job);
  ASSERT_TRUE(variables.expand_all());
  EXPECT_EQ(variables.find("A")->value, "pipeline");
  EXPECT_EQ(variables.find("B")->value, "job");
}

TEST(Variables, RawOnesAndPredefinedOnesAreNotTemplates) {
  Variables variables;
  Variable raw;
  raw.name = "RAW";
  raw.written = "$A";
  raw.expand = false;
  variables.set(raw);
  variables.set("CI_COMMIT_MESSAGE", "costs $A", VariableOrigin::predefined);
  variables.set("A", "x", VariableOrigin::job);
  variables.set("B", "$RAW", VariableOrigin::job);
  ASSERT_TRUE(variables.expand_all());
  EXPECT_EQ(variables.find("RAW")->value, "$A");
  EXPECT_EQ(variables.find("B")->value, "$A");
  EXPECT_EQ(variables.find("CI_COMMIT_MESSAGE")->value, "costs $A");
}

TEST(Variables, WhatIsUnknownIsNamed) {
  Variables variables;
  variables.set("IMAGE", "$CI_REGISTRY_IMAGE/app", VariableOrigin::job);
  variables.set("FULL", "$IMAGE:1", VariableOrigin::job);
  ASSERT_TRUE(variables.expand_all());
  EXPECT_EQ(variables.find("FULL")->value, "/app:1");
  EXPECT_EQ(variables.find("FULL")->unknown, std::vector<std::string>{"CI_REGISTRY_IMAGE"});
  const std::vector<TextPart> expected = {{"x ", true}, {"CI_REGISTRY_IMAGE", false}, {"/app:1", true}};
  EXPECT_EQ(variables.expand_parts("x $FULL"), expected);
}

TEST(Variables, CirclesKeepWhatIsWritten) {
  Variables variables;
  variables.set("A", "$B", VariableOrigin::job);
  variables.set("B", "$A", VariableOrigin::job);
  variables.set("PATH", "$PATH:/x", VariableOrigin::job);
  ASSERT_TRUE(variables.expand_all());
  EXPECT_EQ(variables.find("A")->value, "$B");
  EXPECT_EQ(variables.find("PATH")->value, "$PATH:/x");
}

TEST(Variables, GrowthIsCapped) {
  Variables variables;
  variables.set("V00", "0123456789", VariableOrigin::job);
  for (int i = 1; i < 40; ++i)
    variables.set(fmt::format("V{:02}", i), fmt::format("$V{:02}$V{:02}", i - 1, i - 1), VariableOrigin::job);
  const auto expanded = variables.expand_all();
  ASSERT_FALSE(expanded);
  EXPECT_EQ(expanded.error().cause(), "variable 'V14' expands to more than 131072 bytes");
}

TEST(Variables, LongChainsDoNotRecurse) {
  Variables variables;
  variables.set("V00000", "x", VariableOrigin::job);
  for (int i = 1; i < 9000; ++i)
    variables.set(fmt::format("V{:05}", i), fmt::format("$V{:05}", i - 1), VariableOrigin::job);
  ASSERT_TRUE(variables.expand_all());
  EXPECT_EQ(variables.find("V08999")->value, "x");
}

TEST(Context, PredefinesWhatIsKnown) {
  CommitFacts facts;
  facts.sha = "0123456789abcdef0123456789abcdef01234567";
  facts.branch = "feature/Some_Thing";
  facts.default_branch = "main";
  facts.message = "Title\n\nBody\n";
  facts.origin_url = "git@gitlab.example.com:Group/sub/App.git";
  PipelineContext context = context_of_commit(facts);
  context.registry = "registry.example.com:5050";
  const Variables variables = predefined_variables(context);
  const std::pair<const char*, const char*> expected[] = {
      {"CI_COMMIT_SHORT_SHA", "01234567"},
      {"CI_COMMIT_REF_SLUG", "feature-some-thing"},
      {"CI_COMMIT_BRANCH", "feature/Some_Thing"},
      {"CI_COMMIT_TITLE", "Title"},
      {"CI_COMMIT_DESCRIPTION", "Body"},
      {"CI_PROJECT_PATH", "Group/sub/App"},
      {"CI_PROJECT_NAME", "App"},
      {"CI_PROJECT_NAMESPACE", "Group/sub"},
      {"CI_PROJECT_ROOT_NAMESPACE", "Group"},
      {"CI_PROJECT_URL", "https://gitlab.example.com/Group/sub/App"},
      {"CI_SERVER_HOST", "gitlab.example.com"},
      {"CI_REGISTRY_IMAGE", "registry.example.com:5050/group/sub/app"},
      {"CI_PIPELINE_SOURCE", "push"},
  };
  for (const auto& [name, value] : expected) {
    const Variable* variable = variables.find(name);
    ASSERT_NE(variable, nullptr) << name;
    EXPECT_EQ(variable->value, value) << name;
  }
  EXPECT_EQ(variables.find("CI_COMMIT_TAG"), nullptr);
  EXPECT_EQ(variables.find("CI_REGISTRY_PASSWORD"), nullptr);
}

TEST(Context, OriginsOfAllForms) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"https://***@gitlab.example.com/g/p.git", "https://gitlab.example.com", "g/p"},
      {"http://gitlab.local:8080/g/p", "http://gitlab.local:8080", "g/p"},
      {"ssh://git@gitlab.example.com:2222/g/s/p.git", "https://gitlab.example.com", "g/s/p"},
      {"git@host:g/p.git", "https://host", "g/p"},
      {"/srv/repo.git", "", ""},
      {"", "", ""},
  };
  for (const auto& [url, server, path] : cases) {
    CommitFacts facts;
    facts.origin_url = url;
    const PipelineContext context = context_of_commit(facts);
    EXPECT_EQ(context.server_url, server) << url;
    EXPECT_EQ(context.project_path, path) << url;
  }
}

TEST(Context, SlugsAreAtMostSixtyThreeLong) {
  EXPECT_EQ(slug("Feature/ABC_1"), "feature-abc-1");
  EXPECT_EQ(slug("--a--"), "a");
  EXPECT_EQ(slug(std::string(70, 'a')), std::string(63, 'a'));
  EXPECT_EQ(slug("///"), "");
}

}  // namespace
}  // namespace scangate::ci
