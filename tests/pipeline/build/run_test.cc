// RUN through a real sandbox.
#include <chrono>

#include "build_fixture.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RunStepTest : public RunFixture {};

TEST_F(RunStepTest, LeavesOnlyWhatItChanged) {
  const auto image = built("FROM base\nRUN echo hi > /made && rm /etc/group\n");
  EXPECT_THAT(paths(layer(image, 1)), ElementsAre("etc", "etc/.wh.group", "made"));
  EXPECT_EQ(layer(image, 1).at("made").text, "hi\n");
  EXPECT_TRUE(image.facts.layers[0].is_base);
  EXPECT_FALSE(image.facts.layers[1].is_base);
  EXPECT_EQ(image.facts.layers[1].place, (SourcePlace{"Dockerfile", 2}));
  EXPECT_EQ(config(image).history.back().created_by, "RUN /bin/sh -c echo hi > /made && rm /etc/group");
}

TEST_F(RunStepTest, NothingChangedIsNoLayer) {
  const auto image = built("FROM base\nRUN cat /etc/resolv.conf /etc/hosts && ls /proc/self > /dev/null\n");
  EXPECT_THAT(config(image).diff_ids, SizeIs(1));
  EXPECT_TRUE(config(image).history.back().empty_layer);
  EXPECT_THAT(progress_.printed, HasSubstr("localhost"));
}

TEST_F(RunStepTest, CertificatesAreLentForTheStepOnly) {
  if (!std::filesystem::exists("/etc/ssl/certs/ca-certificates.crt")) GTEST_SKIP() << "this host has no CA bundle";
  const auto image = built("FROM base\nRUN stat -c %s /etc/ssl/certs/ca-certificates.crt && touch /x\n");
  EXPECT_THAT(paths(layer(image, 1)), ElementsAre("x"));
  // What the step puts in its place stays.
  const auto own = built(
      "FROM base\nRUN echo own > /etc/ssl/certs/new && rm /etc/ssl/certs/ca-certificates.crt && echo x > "
      "/etc/ssl/certs/ca-certificates.crt\n");
  EXPECT_EQ(layer(own, 1).at("etc/ssl/certs/ca-certificates.crt").text, "x\n");
}

TEST_F(RunStepTest, FoldersThatAPackageOwnsStay) {
  if (!std::filesystem::exists("/etc/ssl/certs/ca-certificates.crt")) GTEST_SKIP() << "this host has no CA bundle";
  const auto image =
      built("FROM base\nRUN mkdir -p /var/lib/dpkg/info && echo /etc/ssl/certs > /var/lib/dpkg/info/openssl.list\n");
  const auto seen = layer(image, 1);
  EXPECT_TRUE(seen.contains("etc/ssl/certs"));
  EXPECT_FALSE(seen.contains("etc/ssl/certs/ca-certificates.crt"));
}

TEST_F(RunStepTest, LinksInPlaceOfLentFoldersLeadNowhere) {
  if (!std::filesystem::exists("/etc/ssl/certs/ca-certificates.crt")) GTEST_SKIP() << "this host has no CA bundle";
  const auto outside = folder_->path() / "outside";
  std::filesystem::create_directories(outside / "certs");
  built("FROM base\nRUN rm -r /etc/ssl && ln -s " + outside.string() + " /etc/ssl\n");
  EXPECT_TRUE(std::filesystem::exists(outside / "certs"));
}

TEST_F(RunStepTest, RunsAsTheUserInTheFolderWithTheEnvironment) {
  request_.build_args = {{"B", "built"}, {"HTTP_PROXY", "http://proxy.example:3128"}};
  const auto image = built(
      "FROM base\nARG A=hidden\nENV A=image B2=1 D=hidden\nARG B\nARG C=c\nARG D=later\nWORKDIR /w\nRUN chmod 777 "
      "/w\nUSER app\n"
      "RUN id > id && env > env && echo $PWD > pwd\n");
  const auto seen = files(image);
  EXPECT_EQ(seen.at("w/id").text, "uid=1000(app) gid=1001(app) groups=1001(app),50(staff)\n");
  EXPECT_EQ(seen.at("w/id").entry.uid, 1000U);
  EXPECT_EQ(seen.at("w/pwd").text, "/w\n");
  const std::string& env = seen.at("w/env").text;
  EXPECT_THAT(env, HasSubstr("A=image\n"));
  EXPECT_THAT(env, HasSubstr("B=built\n"));
  EXPECT_THAT(env, HasSubstr("C=c\n"));
  EXPECT_THAT(env, HasSubstr("D=later\n"));
  EXPECT_THAT(env, HasSubstr("HTTP_PROXY=http://proxy.example:3128\n"));
  EXPECT_THAT(env, HasSubstr("HOME=/home/app\n"));
  EXPECT_THAT(env, HasSubstr("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"));
  for (const History& each : config(image).history)
    EXPECT_THAT(each.created_by, ::testing::Not(HasSubstr("proxy")));
}

TEST_F(RunStepTest, BuildArgsArePartOfTheKeyAndProxiesAreNot) {
  const char* dockerfile = "FROM base\nARG V=1\nRUN echo $V > /v\n";
  const auto first = built(dockerfile);
  request_.build_args = {{"HTTPS_PROXY", "http://p"}};
  EXPECT_EQ(built(dockerfile).cached_steps, 1U);
  request_.build_args = {{"V", "2"}};
  const auto second = built(dockerfile);
  EXPECT_EQ(second.cached_steps, 0U);
  EXPECT_EQ(files(second).at("v").text, "2\n");
  request_.build_args = {};
  EXPECT_EQ(built(dockerfile).manifest_digest, first.manifest_digest);
}

TEST_F(RunStepTest, AFailingStepIsToldAndLeavesNothing) {
  auto image = build("FROM base\nRUN echo before >&2; exit 7\nRUN never\n");
  ASSERT_TRUE(image) << image.error().text();
  ASSERT_TRUE(image->failed_step);
  EXPECT_EQ(image->failed_step->exit_code, 7);
  EXPECT_EQ(image->failed_step->text, "Dockerfile:2:1: RUN echo before >&2; exit 7: exit code 7");
  EXPECT_THAT(progress_.printed, HasSubstr("before"));
  // Not remembered as done.
  EXPECT_EQ(build("FROM base\nRUN echo before >&2; exit 7\n")->failed_step->exit_code, 7);
}

TEST_F(RunStepTest, AStepThatTakesLongerThanTheHostAllowsIsStopped) {
  run_timeout_ = std::chrono::seconds(1);
  const auto image = build("FROM base\nRUN sleep 1000\n");
  ASSERT_TRUE(image) << image.error().text();
  ASSERT_TRUE(image->failed_step);
  EXPECT_EQ(image->failed_step->exit_code, 124);
  EXPECT_EQ(image->failed_step->text,
            "Dockerfile:2:1: RUN sleep 1000: stopped after 1 s, the host's limit for one RUN (build: "
            "run_timeout_minutes)");
}

TEST_F(RunStepTest, HostsAndLimitsOfTheBuildArePartOfTheKey) {
  const char* dockerfile = "FROM base\nRUN cat /etc/hosts > /hosts && ulimit -n >> /hosts\n";
  const auto plain = built(dockerfile);
  request_.step_options.add_hosts = {{"db", "10.0.0.1"}};
  request_.step_options.resource_limits = {{"nofile", 64, 64}};
  EXPECT_THAT(files(built(dockerfile)).at("hosts").text, ::testing::EndsWith("10.0.0.1\tdb\n64\n"));
  request_.step_options = {};
  EXPECT_EQ(built(dockerfile).manifest_digest, plain.manifest_digest);
}

TEST_F(RunStepTest, LaterStepsSeeCopiesAndCopiesSeeSteps) {
  write("f", "copied");
  const auto image = built(
      "FROM base AS one\nCOPY f /in/f\nRUN cat /in/f > /out && mkdir /d\nCOPY f /d\nFROM scratch\n"
      "COPY --from=one /out /d/f /\n");
  const auto seen = files(image);
  EXPECT_THAT(paths(seen), ElementsAre("f", "out"));
  EXPECT_EQ(seen.at("out").text, "copied");
}

TEST_F(RunStepTest, OnlyNeededStagesRun) {
  request_.target = "good";
  built("FROM base AS bad\nRUN exit 1\nFROM base AS good\nRUN true\n");
}

TEST_F(RunStepTest, HeredocsRun) {
  const auto image = built(
      "FROM base\nRUN <<EOF\necho one > /1\necho two > /2\nEOF\nRUN <<EOF cat > /3\nthree\nEOF\nRUN "
      "<<'E'\n#!/bin/sh\necho $0 > "
      "/4\nE\n");
  const auto seen = files(image);
  EXPECT_EQ(seen.at("1").text, "one\n");
  EXPECT_EQ(seen.at("2").text, "two\n");
  EXPECT_EQ(seen.at("3").text, "three\n");
  EXPECT_EQ(seen.at("4").text, "/run/scangate-heredoc\n");
  EXPECT_FALSE(seen.contains("run"));
}

TEST_F(RunStepTest, UnknownUserAndMissingProgramNameTheLine) {
  EXPECT_EQ(refusal("FROM base\nUSER bob\nRUN true\n"), "Dockerfile:3:1: the image has no user 'bob'");
  EXPECT_THAT(refusal("FROM base\nRUN [\"/no/such\"]\n"), ::testing::StartsWith("Dockerfile:2:1: "));
}

TEST_F(RunStepTest, SecondBuildIsCachedWhole) {
  const char* dockerfile = "FROM base\nRUN echo 1 > /1\nENV X=1\nRUN echo 2 > /2\nCMD [\"x\"]\n";
  const auto first = built(dockerfile);
  progress_.lines.clear();
  const auto second = built(dockerfile);
  EXPECT_EQ(second.cached_steps, 2U);
  EXPECT_EQ(second.manifest_digest, first.manifest_digest);
  EXPECT_THAT(progress_.lines, ElementsAre("#1 [1/3] FROM base:latest", "#1 CACHED", "#2 [2/3] RUN echo 1 > /1",
                                           "#2 CACHED", "#3 [3/3] RUN echo 2 > /2", "#3 CACHED"));
}

TEST_F(RunStepTest, SourceDateEpochMakesStepsEqual) {
  request_.source_date_epoch = TimePoint(std::chrono::seconds(1'000'000'000));
  request_.no_cache = true;
  const char* dockerfile = "FROM base\nRUN mkdir -p /d/e && echo 1 > /d/e/f && chmod 600 /etc/passwd\n";
  EXPECT_EQ(built(dockerfile).manifest_digest, built(dockerfile).manifest_digest);
}

TEST_F(RunStepTest, CancelEndsARunningStep) {
  progress_.on_output = [cancel = cancel_] { cancel.cancel(); };
  auto image = build("FROM base\nRUN echo running && sleep 60\n");
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().cause(), "stopped on request");
}

}  // namespace
}  // namespace scangate
