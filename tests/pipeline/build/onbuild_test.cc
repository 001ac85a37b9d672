// ONBUILD: triggers of a base image.
#include "build_fixture.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class OnBuild : public BuildFixture {
 protected:
  void make(const std::string& name, const std::string& dockerfile) {
    const auto image = built(dockerfile);
    ASSERT_TRUE(store_->tag(*Reference::parse(name), image.manifest_digest));
  }
};

TEST_F(OnBuild, TriggersAreKeptInTheImageAndDoNothingYet) {
  const auto image = built("FROM scratch\nONBUILD COPY a /a\nonbuild env X=$Y\n");
  EXPECT_THAT(config(image).on_build, ElementsAre("COPY a /a", "env X=$Y"));
  EXPECT_THAT(config(image).diff_ids, IsEmpty());
  EXPECT_EQ(config(image).history.back().created_by, "ONBUILD env X=$Y");
}

TEST_F(OnBuild, TriggersRunInOrderRightAfterFromAndAreNotInheritedTwice) {
  write("a", "1");
  make("base:1", "FROM scratch\nENV Y=early\nONBUILD ENV X=$Y\nONBUILD COPY a /$X\nONBUILD COPY <<EOF /doc\n$X\nEOF\n");
  const auto child = built("FROM base:1\nENV X=late\n");
  EXPECT_THAT(config(child).on_build, IsEmpty());
  EXPECT_THAT(config(child).environment, ::testing::Contains("X=late"));
  EXPECT_EQ(files(child).at("early").text, "1");
  EXPECT_EQ(files(child).at("doc").text, "early\n");
  ASSERT_TRUE(store_->tag(*Reference::parse("child:1"), child.manifest_digest));
  EXPECT_EQ(config(built("FROM child:1\n")).diff_ids, config(child).diff_ids);
}

TEST_F(OnBuild, TriggersOfAnEarlierStageRunToo) {
  write("a", "1");
  const auto image = built("FROM scratch AS base\nONBUILD COPY a /a\nFROM base\n");
  EXPECT_TRUE(files(image).contains("a"));
}

TEST_F(OnBuild, ATriggerCopiesFromAStageOfTheChildsFile) {
  write("a", "1");
  make("base:1", "FROM scratch\nONBUILD COPY --from=build /out /app\n");
  EXPECT_EQ(files(built("FROM scratch AS build\nCOPY a /out\nFROM base:1\n")).at("app").text, "1");
  EXPECT_EQ(files(built("FROM base:1 AS first\nFROM scratch AS build\nCOPY a /out\nFROM first\n")).at("app").text, "1");
  EXPECT_EQ(refusal("FROM base:1 AS one\nFROM scratch AS build\nCOPY --from=one /x /out\nFROM one\n"),
            "Dockerfile:1:6: ONBUILD COPY --from=build /out /app of the base 'base:1': the stages 1 and 0 need each "
            "other");
}

TEST_F(OnBuild, FaultsNameTheTriggerAndTheBase) {
  make("base:1", "FROM scratch\nONBUILD COPY nothing /\n");
  EXPECT_EQ(refusal("FROM base:1\n"),
            "Dockerfile:1:6: ONBUILD COPY nothing / of the base 'base:1': 'nothing' is not in the context");
}

TEST_F(OnBuild, WhatMayNotBeATriggerIsRefused) {
  for (const char* trigger : {"ONBUILD RUN x", "FROM scratch", "MAINTAINER me"}) {
    const std::string word = std::string(trigger).substr(0, std::string(trigger).find(' '));
    EXPECT_EQ(refusal(fmt::format("FROM scratch\nONBUILD {}\n", trigger)),
              fmt::format("Dockerfile:2:9: {} is not allowed after ONBUILD", word));
  }
}

}  // namespace
}  // namespace scangate
