// Stages of another platform than the image's.
#include "build_fixture.h"
#include "pipeline/image/image_index.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;

class StagePlatform : public RunFixture {
 protected:
  void SetUp() override {
    RunFixture::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    other_ = *Platform::parse(Platform::host().architecture == "arm64" ? "linux/amd64" : "linux/arm64");
  }
  // An image of the other platform under `name`.
  void make_other(const std::string& name, const std::string& dockerfile) {
    const Platform before = std::exchange(request_.platform, other_);
    const auto image = built(dockerfile);
    request_.platform = before;
    ASSERT_TRUE(store_->tag(*Reference::parse(name), image.manifest_digest));
  }
  Platform other_;
};

TEST_F(StagePlatform, ProgramsOfThisHostMakeAnImageForAnother) {
  request_.platform = other_;
  const auto image = built(
      "FROM --platform=$BUILDPLATFORM base AS make\nARG TARGETARCH\nARG BUILDPLATFORM\n"
      "RUN echo $TARGETARCH on $BUILDPLATFORM > /out\nFROM scratch\nCOPY --from=make /out /app\n");
  EXPECT_EQ(config(image).platform, other_);
  EXPECT_EQ(files(image).at("app").text, other_.architecture + " on " + Platform::host().str() + "\n");
}

TEST_F(StagePlatform, WhatDoesNotDependOnTheTargetIsDoneOnceForAll) {
  const char* text =
      "FROM --platform=$BUILDPLATFORM base AS make\nRUN echo same > /out\nARG TARGETARCH\n"
      "RUN echo $TARGETARCH >> /out\nFROM scratch\nCOPY --from=make /out /app\n";
  EXPECT_EQ(built(text).cached_steps, 0U);
  request_.platform = other_;
  const auto image = built(text);
  EXPECT_EQ(image.cached_steps, 1U);
  EXPECT_EQ(files(image).at("app").text, "same\n" + other_.architecture + "\n");
}

TEST_F(StagePlatform, FilesAreCopiedAcross) {
  write("f", "theirs");
  make_other("foreign", "FROM scratch\nCOPY f /f\n");
  const auto image = built("FROM --platform=" + other_.str() +
                           " foreign AS other\nFROM other AS on\nCOPY f /g\nFROM base\nCOPY --from=on /f /g /x/\n");
  EXPECT_EQ(config(image).platform, Platform::host());
  EXPECT_EQ(files(image).at("x/f").text, "theirs");
  EXPECT_EQ(files(image).at("x/g").text, "theirs");
}

TEST_F(StagePlatform, ALastStageOfAnotherPlatformIsAnImageOfThat) {
  write("f", "1");
  EXPECT_EQ(config(built("FROM --platform=" + other_.str() + " scratch\nCOPY f /f\n")).platform, other_);
}

TEST_F(StagePlatform, AStepOfAnotherProcessorNeedsEmulation) {
  write("f", "1");
  make_other("foreign", "FROM scratch\nCOPY f /f\n");
  const std::string said = refusal("FROM --platform=" + other_.str() + " foreign\nRUN x\n");
  if (said.find("binfmt_misc") == std::string::npos) GTEST_SKIP() << "this host emulates " << other_.str();
  EXPECT_THAT(said, ::testing::StartsWith("Dockerfile:2:1: RUN for " + other_.str() + " on " + Platform::host().str()));
}

TEST_F(StagePlatform, WhatIsNoPlatformIsNamed) {
  EXPECT_THAT(refusal("FROM --platform=vax base\n"), ::testing::StartsWith("Dockerfile:1:1: "));
}

}  // namespace
}  // namespace scangate
