#include "pipeline/dockerfile/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/dockerfile/parse.h"

namespace scangate::dockerfile {
namespace {

using ::testing::ElementsAreArray;

std::vector<std::string> warnings(const std::string& text, const std::string& check = "",
                                  const std::string& ignore = "") {
  const auto file = parse_dockerfile(text, "Dockerfile");
  if (!file) return {file.error().text()};
  const auto resolved = resolve_stages(*file, {});
  if (!resolved) return {resolved.error().text()};
  const auto options = parse_check_options(check);
  if (!options) return {options.error().text()};
  std::vector<std::string> out;
  for (const Warning& each : check_dockerfile(*file, *resolved, *IgnoreRules::parse(ignore, ".dockerignore"), *options))
    out.push_back(place_text("", each.place) + " " + each.rule + ": " + each.text);
  return out;
}

struct Row {
  const char* text;
  std::vector<std::string> found;
};

TEST(Checks, NameTheirPlaceAndRule) {
  const Row rows[] = {
      {"FROM a AS b\nRUN x\nCMD [\"x\"]\n", {}},
      {"FROM a AS Build\n", {":1:1 StageNameCasing: the stage name 'Build' should be in lower case"}},
      {"FROM a as b\n", {":1:1 FromAsCasing: 'FROM' and 'as' are not in the same case"}},
      {"from a as b\n", {}},
      {"FROM a\nRUN x \\\n\n  y\n", {":2:1 NoEmptyContinuation: an empty line inside a continuation is ignored"}},
      {"FROM a\nrun x\nRUN y\n",
       {":2:1 ConsistentInstructionCasing: 'run' is not in upper case as most instructions are"}},
      {"from a\nrun x\nRun y\n",
       {":3:1 ConsistentInstructionCasing: 'Run' is not in lower case as most instructions are"}},
      {"FROM a AS b\nFROM a AS b\n", {":2:1 DuplicateStageName: the stage name 'b' is used twice"}},
      {"FROM a AS scratch\n", {":1:1 ReservedStageName: the stage name 'scratch' has a meaning of its own"}},
      {"FROM a\nCMD x\nENTRYPOINT y\n",
       {":2:1 JSONArgsRecommended: CMD in shell form does not pass signals on: write it as a JSON array",
        ":3:1 JSONArgsRecommended: ENTRYPOINT in shell form does not pass signals on: write it as a JSON array"}},
      {"FROM a AS b\nSHELL [\"/bin/x\"]\nFROM b\nCMD x\n", {}},
      {"FROM a\nMAINTAINER me\n",
       {":2:1 MaintainerDeprecated: MAINTAINER is deprecated: use LABEL org.opencontainers.image.authors"}},
      {"ARG VERSION=1\nFROM a:${VERSON}1\n",
       {":2:1 UndefinedArgInFrom: FROM uses 'VERSON', which no ARG before it declares (did you mean 'VERSION'?)"}},
      {"FROM --platform=$BUILDPLATFORM a\n", {}},
      {"ARG TAG=\nFROM a:$TAG\n",
       {":2:1 InvalidDefaultArgInFrom: with the defaults of its ARGs, 'a:$TAG' is no image name"}},
      {"ARG TAG\nFROM a:${TAG:-1}\n", {}},
      {"FROM --platform=$TARGETPLATFORM a\n",
       {":1:1 RedundantTargetPlatform: --platform=$TARGETPLATFORM is what FROM does without it"}},
      {"FROM --platform=linux/arm64 a\n",
       {":1:1 FromPlatformFlagConstDisallowed: --platform=linux/arm64 does not follow the platform that is asked for"}},
      {"FROM --platform=linux/arm64 a AS base-arm64\n", {}},
      {"FROM a\nWORKDIR x\nWORKDIR y\n",
       {":2:9 WorkdirRelativePath: WORKDIR 'x' depends on the base image: begin with an absolute one"}},
      {"FROM a AS b\nWORKDIR /x\nFROM b\nWORKDIR y\n", {}},
      {"FROM a\nCMD [\"x\"]\nCMD [\"y\"]\n",
       {":2:1 MultipleInstructionsDisallowed: this CMD has no effect: another one follows in the stage"}},
      {"FROM a\nENV A b\nLABEL c d\nENV E=f\n",
       {":2:1 LegacyKeyValueFormat: write ENV KEY=VALUE, not ENV KEY VALUE",
        ":3:1 LegacyKeyValueFormat: write LABEL KEY=VALUE, not LABEL KEY VALUE"}},
      {"FROM a\nARG DB_PASSWORD\nENV PUBLIC_KEY=x API_TOKEN=y\n",
       {":2:5 SecretsUsedInArgOrEnv: the value of ARG 'DB_PASSWORD' can be read from the image: use RUN "
        "--mount=type=secret",
        ":3:18 SecretsUsedInArgOrEnv: the value of ENV 'API_TOKEN' can be read from the image: use RUN "
        "--mount=type=secret"}},
      {"FROM a\nEXPOSE 80/TCP 127.0.0.1:8080:80\n",
       {":2:8 ExposeProtoCasing: the protocol of EXPOSE '80/TCP' should be in lower case",
        ":2:15 ExposeInvalidFormat: EXPOSE '127.0.0.1:8080:80' names an address or a port of the host: only the "
        "container's port is kept"}},
  };
  for (const Row& row : rows)
    EXPECT_THAT(warnings(row.text), ElementsAreArray(row.found)) << row.text;
}

TEST(Checks, CopiesOfIgnoredFiles) {
  const std::string text = "FROM a\nCOPY ./secret b /x/\nCOPY --from=s secret /y\nCOPY *.md /z\n";
  EXPECT_THAT(warnings("FROM a AS s\n" + text, "", "secret\n*.md\n"),
              ElementsAreArray({":3:6 CopyIgnoredFile: COPY of './secret', which the ignore rule 'secret' hides"}));
}

TEST(Checks, CommentsDescribeWhenAsked) {
  const std::string text = "# syntax=x\n\n# nothing of it\nFROM a AS web\n# PORT to listen at\nARG PORT\n";
  EXPECT_THAT(warnings(text), ElementsAreArray(std::vector<std::string>{}));
  EXPECT_THAT(
      warnings(text, "experimental=all"),
      ElementsAreArray({":4:1 InvalidDefinitionDescription: the comment above does not describe the stage: write "
                        "'# web TEXT'"}));
}

TEST(Checks, AreSkippedByName) {
  const std::string text = "FROM a as B\nCMD x\n";
  EXPECT_EQ(warnings(text).size(), 3U);
  EXPECT_EQ(warnings(text, "skip=FromAsCasing, StageNameCasing").size(), 1U);
  EXPECT_EQ(warnings(text, "skip=all;error=true").size(), 0U);
}

TEST(Checks, OptionsAreRefusedWithTheirName) {
  EXPECT_TRUE(parse_check_options(" skip=A ; error=true")->error);
  EXPECT_FALSE(parse_check_options("")->error);
  for (const char* text : {"skp=A", "error=maybe", "error"})
    EXPECT_EQ(
        parse_check_options(text).error().text(),
        fmt::format("'{}' is no option of build checks (write skip=RULE,RULE or error=true, with ';' between them)",
                    text));
}

}  // namespace
}  // namespace scangate::dockerfile
