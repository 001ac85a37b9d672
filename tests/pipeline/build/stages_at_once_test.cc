// Stages that do not need each other, built at the same time.
#include "build_fixture.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// What two steps of one build both see: they tell each other that they have begun.
constexpr const char* kShared = "--mount=type=cache,target=/c";
// Waits up to 20 seconds for what the other one makes.
std::string wait_for(const std::string& file) {
  return "i=0; while [ ! -e /c/" + file + " ]; do i=$((i+1)); [ $i -lt 200 ] || exit 9; sleep 0.1; done";
}

class StagesAtOnce : public RunFixture {};

TEST_F(StagesAtOnce, StepsOfTwoStagesMeet) {
  const std::string run = std::string("RUN ") + kShared + " ";
  const auto image =
      built("FROM base AS a\n" + run + "touch /c/a && " + wait_for("b") + "; echo a > /a\nFROM base AS b\n" + run +
            "touch /c/b && " + wait_for("a") + "; echo b > /b\nFROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n");
  EXPECT_THAT(paths(files(image)), ElementsAre("a", "b"));
  EXPECT_EQ(image.steps, 4U);
  EXPECT_EQ(image.cached_steps, 0U);
}

TEST_F(StagesAtOnce, AFailingStageStopsTheOthers) {
  const std::string run = std::string("RUN ") + kShared + " ";
  const auto image = build("FROM base AS a\n" + run + "touch /c/a && sleep 20\nFROM base AS b\n" + run + wait_for("a") +
                           "; exit 7\nFROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n");
  ASSERT_TRUE(image) << image.error().text();
  ASSERT_TRUE(image->failed_step);
  EXPECT_EQ(image->failed_step->exit_code, 7);
  EXPECT_THAT(image->failed_step->text, ::testing::StartsWith("Dockerfile:4:1: RUN --mount=type=cache"));
}

TEST_F(StagesAtOnce, AStepThatTwoStagesShareIsDoneOnce) {
  const std::string same =
      std::string("FROM base AS %\nRUN ") + kShared + " echo x >> /c/count; sleep 0.2; touch /made\n";
  const auto stage = [&](const std::string& name) { return std::string(same).replace(same.find('%'), 1, name); };
  const auto image = built(stage("a") + stage("b") + "FROM base\nRUN " + kShared +
                           " cp /c/count /count 2>/dev/null || cat /c/count > /count\n"
                           "COPY --from=a /made /a\nCOPY --from=b /made /b\n");
  // The last stage's RUN may come first: what counts is how often the step was done.
  EXPECT_EQ(image.cached_steps, 1U);
  EXPECT_EQ(image.steps, 5U);
}

TEST_F(StagesAtOnce, WarningsStandInTheOrderOfTheFile) {
  const auto image = built(
      "FROM base AS slow\nRUN sleep 0.3\nENV A=$FIRST\nFROM base AS fast\nENV A=$SECOND\nFROM scratch\n"
      "COPY --from=slow /etc/passwd /1\nCOPY --from=fast /etc/passwd /2\nENV A=$THIRD\n");
  std::vector<std::string> told;
  for (const auto& each : image.warnings)
    told.push_back(each.str());
  EXPECT_THAT(told, ElementsAre("Dockerfile:3:5: the variable 'FIRST' is not defined (UndefinedVar)",
                                "Dockerfile:5:5: the variable 'SECOND' is not defined (UndefinedVar)",
                                "Dockerfile:9:5: the variable 'THIRD' is not defined (UndefinedVar)"));
}

TEST_F(StagesAtOnce, ManyStagesGiveTheImageThatOneAfterTheOtherGives) {
  request_.source_date_epoch = TimePoint(std::chrono::seconds(1'700'000'000));
  write("f", "content");
  std::string text;
  std::string copies;
  for (int i = 0; i < 12; ++i) {
    text += "FROM base AS s" + std::to_string(i) + "\nCOPY f /f\nRUN echo " + std::to_string(i % 3) + " > /made\n";
    copies += "COPY --from=s" + std::to_string(i) + " /made /m" + std::to_string(i) + "\n";
  }
  text += "FROM scratch\n" + copies;
  const auto first = built(text);
  EXPECT_EQ(first.steps, 36U);
  EXPECT_EQ(first.cached_steps, 11U + 9U);
  const auto again = built(text);
  EXPECT_EQ(again.cached_steps, 36U);
  EXPECT_EQ(again.manifest_digest, first.manifest_digest);
  request_.no_cache = true;
  EXPECT_EQ(built(text).manifest_digest, first.manifest_digest);
}

}  // namespace
}  // namespace scangate
