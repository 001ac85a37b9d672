#include "executor/gate/compose_file.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

std::optional<std::string> variables(std::string_view name) {
  if (name == "TAG") return "1";
  if (name == "EMPTY") return "";
  return std::nullopt;
}

TEST(ComposeFile, VariablesInEveryForm) {
  const std::pair<std::string, std::string> cases[] = {
      {"a$TAG", "a1"},          {"${TAG}b", "1b"},  {"$NONE", ""},          {"${NONE:-x}", "x"},
      {"${EMPTY:-x}", "x"},     {"${EMPTY-x}", ""}, {"${TAG:+set}", "set"}, {"${NONE+set}", ""},
      {"${NONE:-${TAG}}", "1"}, {"$$TAG", "$TAG"},  {"${TAG:?no}", "1"},    {"r:5000/a:${TAG:-latest}", "r:5000/a:1"},
      {"end$", "end$"},
  };
  for (const auto& [text, expected] : cases) {
    const auto filled = put_in_variables(text, variables);
    ASSERT_TRUE(filled) << text << ": " << filled.error().text();
    EXPECT_EQ(*filled, expected) << text;
  }
  EXPECT_EQ(put_in_variables("${NONE:?say it}", variables).error().text(), "the variable 'NONE' is not set: say it");
  EXPECT_EQ(put_in_variables("${TAG", variables).error().text(), "'${' is not closed");
  EXPECT_EQ(put_in_variables("$-", variables).error().text(), "'$-' is no variable (write $$ for the sign itself)");
  std::string deep;
  for (int i = 0; i < 20; ++i)
    deep += "${NONE:-";
  EXPECT_EQ(put_in_variables(deep + "x" + std::string(20, '}'), variables).error().text(),
            "variables are nested deeper than 10");
}

TEST(ComposeFile, ServicesWithTheirBuilds) {
  const auto project =
      read_compose({{"compose.yaml",
                     "name: shop\nservices:\n  web:\n    image: r/web:${TAG}\n    build:\n      context: web\n"
                     "      dockerfile: Other\n      target: final\n      args: {A: 1, B: null}\n"
                     "      labels: [x=y]\n      tags: [r/web:extra]\n    ports: ['80:80']\n"
                     "  worker: {build: ./worker, profiles: [extra]}\n  db: {image: 'postgres:15'}\n"},
                    {"over.yaml", "services: {web: {build: {args: {A: 2}}}}\n"}},
                   variables);
  ASSERT_TRUE(project) << project.error().text();
  EXPECT_EQ(project->name, "shop");
  ASSERT_EQ(project->services.size(), 3U);
  const auto& web = project->services[0];
  EXPECT_EQ(web.image, "r/web:1");
  EXPECT_EQ(web.build->context, "web");
  EXPECT_EQ(web.build->dockerfile, "Other");
  EXPECT_EQ(web.build->target, "final");
  EXPECT_EQ(web.build->build_args, (std::vector<command::BuildArg>{{"A", "2"}, {"B", std::nullopt}}));
  EXPECT_EQ(web.build->tags, std::vector<std::string>{"r/web:extra"});
  EXPECT_EQ(project->services[1].build->context, "./worker");
  EXPECT_EQ(project->services[1].profiles, std::vector<std::string>{"extra"});
  EXPECT_FALSE(project->services[2].build);
  EXPECT_TRUE(project->yaml.starts_with("name: \"shop\"\nservices:\n  web:\n    image: \"r/web:1\"\n"))
      << project->yaml;
}

TEST(ComposeFile, WhatBuildingCannotHonourIsRefusedWithItsPlace) {
  const std::pair<std::string, std::string> cases[] = {
      {"services: {a: {build: {secrets: [x]}}}",
       "c.yaml:1:24: 'secrets' of 'build' is not served by scangate (context, dockerfile, args, target, labels, tags, "
       "network, no_cache, pull, platforms, cache_from, cache_to, provenance, sbom are)"},
      {"services: {a: {extends: b}}", "c.yaml:1:25: 'extends' is not served by scangate"},
      {"include: [b.yaml]\nservices: {}", "c.yaml:1:10: 'include' is not served by scangate"},
      {"services: [a]", "c.yaml:1:1: a compose file needs 'services', a map"},
      {"services: {a: b}", "c.yaml:1:15: service 'a' must be a map"},
      {"services: {a: {image: '${X:?needed}'}}", "c.yaml:1:23: the variable 'X' is not set: needed"},
      {"[a]", "c.yaml: a compose file is one YAML map"},
  };
  for (const auto& [yaml, message] : cases) {
    const auto project = read_compose({{"c.yaml", yaml}}, variables);
    ASSERT_FALSE(project) << yaml;
    EXPECT_EQ(project.error().text(), message) << yaml;
  }
}

TEST(ComposeFile, EnvFilesAsComposeReadsThem) {
  EXPECT_EQ(read_env_file("A=1\n# no\nexport B='two words'\nC=\"x\"\nD=v # why\n\nnothing\n"),
            (std::map<std::string, std::string>{{"A", "1"}, {"B", "two words"}, {"C", "x"}, {"D", "v"}}));
}

}  // namespace
}  // namespace scangate
