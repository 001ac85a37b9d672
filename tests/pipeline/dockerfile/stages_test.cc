#include "pipeline/dockerfile/stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/dockerfile/debug.h"
#include "pipeline/dockerfile/parse.h"

namespace scangate::dockerfile {
namespace {

using ::testing::ElementsAre;

Result<ResolvedFile> resolved(std::string_view text, const StageOptions& options = {}) {
  auto file = parse_dockerfile(text, "Dockerfile");
  if (!file) return fail(file.error());
  return resolve_stages(*file, options);
}

TEST(Stages, OnlyWhatTheTargetNeeds) {
  const char* text =
      "FROM a AS one\nFROM b AS two\nFROM one AS three\nCOPY --from=TWO x /\nFROM c AS four\nRUN "
      "--mount=from=0,target=/m x\n";
  StageOptions options;
  options.target = "three";
  EXPECT_THAT(resolved(text, options)->order, ElementsAre(0, 1, 2));
  options.target = "1";
  EXPECT_THAT(resolved(text, options)->order, ElementsAre(1));
  EXPECT_THAT(resolved(text)->order, ElementsAre(0, 3));
}

TEST(Stages, FromExpandsGlobalArgsOnly) {
  StageOptions options;
  options.build_args = {{"TAG", "12"}};
  options.architecture = "arm64";
  auto file = resolved(
      "ARG TAG=11\nARG IMAGE=debian:${TAG}\nFROM ${IMAGE} AS x\nARG IMAGE\nFROM --platform=$TARGETPLATFORM "
      "y:$TARGETARCH\n",
      options);
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->stages[0].base.image, "debian:12");
  EXPECT_EQ(file->stages[1].base.image, "y:arm64");
  EXPECT_EQ(file->stages[1].platform, "linux/arm64");
}

TEST(Stages, TheBuildsPlatformIsTheHostsNotTheTargets) {
  StageOptions options;
  options.architecture = "arm";
  options.variant = "v7";
  auto file = resolved("FROM --platform=$BUILDPLATFORM go\nFROM alpine\nCOPY --from=0 /x /\n", options);
  ASSERT_TRUE(file) << file.error().text();
  EXPECT_EQ(file->stages[0].platform, "linux/amd64");
  EXPECT_EQ(file->global_args.at("TARGETPLATFORM"), "linux/arm/v7");
  EXPECT_EQ(file->global_args.at("TARGETVARIANT"), "v7");
  EXPECT_EQ(file->global_args.at("BUILDARCH"), "amd64");
  EXPECT_EQ(file->global_args.at("BUILDVARIANT"), "");
}

TEST(Stages, ScratchAndEarlierStagesAreNoImages) {
  auto file = resolved("FROM scratch AS s\nFROM S\nCOPY --from=busybox /x /\n");
  EXPECT_EQ(file->stages[0].base.kind, BaseKind::scratch);
  EXPECT_EQ(file->stages[1].base.kind, BaseKind::stage);
  EXPECT_EQ(file->stages[1].base.stage, 0U);
}

TEST(Stages, RefusalsNameTheLine) {
  EXPECT_EQ(
      resolved("FROM $X\n").error().text(),
      "Dockerfile:1:6: the base image '$X' is empty after expansion (give the ARG a default or pass --build-arg)");
  StageOptions options;
  options.target = "buld";
  EXPECT_EQ(resolved("FROM a AS build\n", options).error().text(),
            "Dockerfile: there is no stage 'buld' (did you mean 'build'?)");
  EXPECT_EQ(resolved("FROM a AS x\nCOPY --from=y a /\nFROM a AS y\nCOPY --from=x a /\n").error().text(),
            "Dockerfile:1:1: the stages 1 and 0 need each other");
  EXPECT_EQ(resolved("FROM a\nCOPY --from=3 a /\n").error().text(), "Dockerfile:2:6: there is no stage number 3");
  EXPECT_EQ(resolved("FROM a\nCOPY --from=0 a /\n").error().text(), "Dockerfile:2:6: a stage cannot copy from itself");
  EXPECT_EQ(
      resolved("FROM a\nCOPY --from=$x a /\n").error().text(),
      "Dockerfile:2:6: variables are not expanded in --from (define a stage FROM the variable and name that stage)");
}

TEST(Stages, BuildArgsNobodyDeclaresAreNamed) {
  auto file = *parse_dockerfile("ARG A\nFROM x\nARG B\n", "Dockerfile");
  EXPECT_THAT(unused_build_args(file, {{"A", ""}, {"B", ""}, {"C", ""}, {"http_proxy", ""}, {"HTTP_PROXY", ""}}),
              ElementsAre("C"));
}

TEST(Debug, DockerfileAsJson) {
  auto file = *parse_dockerfile("FROM a AS x\nENV A=1\n", "Dockerfile");
  EXPECT_EQ(*dockerfile_json(file, {}), R"({
  "name": "Dockerfile",
  "escape": "\\",
  "args": [],
  "stages": [
    {
      "index": 0,
      "name": "x",
      "base": {
        "kind": "image",
        "image": "a"
      },
      "needs": [],
      "from": {
        "name": "FROM",
        "line": 1,
        "column": 1,
        "last_line": 1,
        "text": "FROM a AS x",
        "base": {
          "text": "a",
          "line": 1,
          "column": 6
        },
        "as": "x"
      },
      "instructions": [
        {
          "name": "ENV",
          "line": 2,
          "column": 1,
          "last_line": 2,
          "text": "ENV A=1",
          "variables": [
            {
              "name": "A",
              "value": "1",
              "line": 2,
              "column": 5
            }
          ]
        }
      ]
    }
  ],
  "target": 0,
  "order": [
    0
  ],
  "warnings": []
})");
}

TEST(Debug, IgnoreAndExpandAsJson) {
  EXPECT_EQ(*dockerignore_json("a\n!a/b\n", ".dockerignore", {"./a/b"}), R"([
  {
    "path": "./a/b",
    "ignored": false,
    "rule": "!a/b"
  }
])");
  EXPECT_EQ(
      expand_json("A=1\tx${A}\n${\n", '\\'),
      "{\"word\":\"x${A}\",\"result\":\"x1\"}\n{\"word\":\"${\",\"error\":\"a substitution has no closing '}'\"}\n");
}

}  // namespace
}  // namespace scangate::dockerfile
