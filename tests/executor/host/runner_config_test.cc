#include "executor/host/runner_config.h"

#include <gtest/gtest.h>

namespace scangate {
namespace {

const ExecutorEntry kEntry{
    .program = "/usr/bin/scangate", .builds_dir = "/var/lib/scangate/builds", .cache_dir = "/var/lib/scangate/cache"};

constexpr std::string_view kCustom =
    "  [runners.custom]\n"
    "    config_exec = \"/usr/bin/scangate\"\n"
    "    config_args = [\"executor\", \"config\"]\n"
    "    prepare_exec = \"/usr/bin/scangate\"\n"
    "    prepare_args = [\"executor\", \"prepare\"]\n"
    "    run_exec = \"/usr/bin/scangate\"\n"
    "    run_args = [\"executor\", \"run\"]\n"
    "    cleanup_exec = \"/usr/bin/scangate\"\n"
    "    cleanup_args = [\"executor\", \"cleanup\"]\n";

constexpr std::string_view kRest =
    "  executor = \"custom\"\n"
    "  builds_dir = \"/var/lib/scangate/builds\"\n"
    "  cache_dir = \"/var/lib/scangate/cache\"\n"
    "  shell = \"bash\"\n";

RegisteredConfig registered(std::string_view config, const RunnerChoice& choice, const ExecutorEntry& entry = kEntry) {
  auto out = register_runner(config, "config.toml", entry, choice);
  EXPECT_TRUE(out) << (out ? "" : out.error().text());
  return out ? std::move(*out) : RegisteredConfig{};
}

const RunnerChoice kNew{.token = "glrt-one", .url = "https://gitlab.example", .name = "gate"};

TEST(RegisterRunner, ANewRunnerIsAddedAtTheEnd) {
  const auto out = registered("concurrent = 4\n", kNew);
  EXPECT_EQ(out.change, RegisterChange::added);
  EXPECT_EQ(
      out.text,
      "concurrent = 4\n\n[[runners]]\n  name = \"gate\"\n  url = \"https://gitlab.example\"\n  token = \"glrt-one\"\n" +
          std::string(kRest) + std::string(kCustom));
}

TEST(RegisterRunner, AgainChangesNothing) {
  const auto once = registered("concurrent = 4", kNew);
  for (const auto& choice : {kNew, RunnerChoice{}, RunnerChoice{.runner = "gate"}, RunnerChoice{.token = "glrt-one"}}) {
    const auto twice = registered(once.text, choice);
    EXPECT_EQ(twice.change, RegisterChange::unchanged);
    EXPECT_EQ(twice.text, once.text);
    EXPECT_EQ(twice.name, "gate");
  }
}

TEST(RegisterRunner, EverythingElseInTheFileStaysAsItWas) {
  const std::string before =
      "concurrent = 4   # four\n"
      "\t\n"
      "[session_server]\n"
      "  session_timeout = 1800\n"
      "\n"
      "# the docker one\n"
      "[[runners]]\n"
      "  name = \"docker\"  # keep\n"
      "  token = 'glrt-docker'\n"
      "  executor = \"docker\"\n"
      "  environment = [\"A=[[runners]]\", # not a table\n"
      "    \"B=]\"]\n"
      "  pre_build_script = '''\n"
      "[runners.custom]\n"
      "run_exec = \"x\"\n"
      "'''\n"
      "  [runners.docker]\n"
      "    image = \"alpine\"\n"
      "\n";
  const std::string other =
      "# the one to change\n[[runners]]\n  name = \"old\"\n  token = \"glrt-old\"\n  executor = \"shell\" # plain\n";
  const std::string after = "  [runners.cache]\n    MaxUploadedArchiveSize = 0\n";
  const std::string last = "\n# the last\n[[runners]]\n  name = \"last\"\n  executor = \"shell\"";
  const auto out = registered(before + other + after + last, {.runner = "old"});
  EXPECT_EQ(out.change, RegisterChange::updated);
  EXPECT_EQ(out.text, before +
                          "# the one to change\n[[runners]]\n  name = \"old\"\n  token = \"glrt-old\"\n  executor = "
                          "\"custom\" # plain\n"
                          "  builds_dir = \"/var/lib/scangate/builds\"\n  cache_dir = \"/var/lib/scangate/cache\"\n  "
                          "shell = \"bash\"\n" +
                          after + std::string(kCustom) + last + "\n");
}

TEST(RegisterRunner, AnOtherDriversSectionIsTakenOverAndItsTimeoutsStay) {
  const std::string config =
      "[[runners]]\n\tname = \"gate\"\n\texecutor = \"custom\"\n\tbuilds_dir = \"/b\"\n\tcache_dir = \"/c\"\n\tshell = "
      "\"sh\"\n"
      "\t[runners.custom]\n\t\trun_exec = \"/opt/driver\" # theirs\n\t\trun_args = [\n\t\t\t\"old\", # "
      "word\n\t\t]\n\t\tgraceful_kill_timeout = 30\n";
  const auto out = registered(config, {.runner = "gate"});
  EXPECT_EQ(out.text,
            "[[runners]]\n\tname = \"gate\"\n\texecutor = \"custom\"\n\tbuilds_dir = \"/b\"\n\tcache_dir = "
            "\"/c\"\n\tshell = \"bash\"\n"
            "\t[runners.custom]\n\t\trun_exec = \"/usr/bin/scangate\" # theirs\n\t\trun_args = [\"executor\", "
            "\"run\"]\n\t\tgraceful_kill_timeout = 30\n"
            "\t\tconfig_exec = \"/usr/bin/scangate\"\n\t\tconfig_args = [\"executor\", \"config\"]\n\t\tprepare_exec = "
            "\"/usr/bin/scangate\"\n"
            "\t\tprepare_args = [\"executor\", \"prepare\"]\n\t\tcleanup_exec = "
            "\"/usr/bin/scangate\"\n\t\tcleanup_args = [\"executor\", \"cleanup\"]\n");
}

TEST(RegisterRunner, AnEmptyRunnerIsFilled) {
  const auto out = registered("[[runners]]\nname = \"gate\"", {.runner = "gate"});
  std::string rest;
  for (const char c : std::string(kRest) + std::string(kCustom))
    rest += c;
  EXPECT_EQ(out.text,
            "[[runners]]\nname = \"gate\"\nexecutor = \"custom\"\nbuilds_dir = \"/var/lib/scangate/builds\"\ncache_dir "
            "= \"/var/lib/scangate/cache\"\n"
            "shell = \"bash\"\n[runners.custom]\n  config_exec = \"/usr/bin/scangate\"\n  config_args = [\"executor\", "
            "\"config\"]\n"
            "  prepare_exec = \"/usr/bin/scangate\"\n  prepare_args = [\"executor\", \"prepare\"]\n  run_exec = "
            "\"/usr/bin/scangate\"\n"
            "  run_args = [\"executor\", \"run\"]\n  cleanup_exec = \"/usr/bin/scangate\"\n  cleanup_args = "
            "[\"executor\", \"cleanup\"]\n");
}

TEST(RegisterRunner, ForeignLineEndsAreKept) {
  const auto out = registered("concurrent = 1\r\n", kNew);
  EXPECT_EQ(out.text.find("concurrent = 1\r\n\r\n[[runners]]\r\n  name = \"gate\"\r\n"), 0U);
  EXPECT_EQ(std::count(out.text.begin(), out.text.end(), '\n'), std::count(out.text.begin(), out.text.end(), '\r'));
}

TEST(RegisterRunner, ANewTokenReplacesTheOldOneOfTheSameRunner) {
  const auto once = registered("", kNew);
  auto rotated = kNew;
  rotated.token = "glrt-two";
  const auto twice = registered(once.text, rotated);
  EXPECT_EQ(twice.change, RegisterChange::updated);
  EXPECT_EQ(twice.text.find("glrt-one"), std::string::npos);
  EXPECT_EQ(configured_runners(twice.text, "config.toml")->size(), 1U);
}

TEST(RegisterRunner, ARunnerOfAnotherExecutorWithTheSameNameIsLeftAlone) {
  const std::string docker =
      "[[runners]]\n  name = \"gate\"\n  url = \"https://gitlab.example\"\n  token = \"glrt-docker\"\n  executor = "
      "\"docker\"\n";
  const auto out = registered(docker, kNew);
  EXPECT_EQ(out.change, RegisterChange::added);
  EXPECT_TRUE(out.text.starts_with(docker));
}

TEST(RegisterRunner, AnOptionOfTheProgramComesBeforeTheStage) {
  ExecutorEntry entry = kEntry;
  entry.global_words = {"--config", "/srv/a \"b\".yaml"};
  const auto out = registered("", kNew, entry);
  EXPECT_NE(out.text.find("run_args = [\"--config\", \"/srv/a \\\"b\\\".yaml\", \"executor\", \"run\"]\n"),
            std::string::npos);
  EXPECT_TRUE(configured_runners(out.text, "config.toml")->front().calls_scangate());
  EXPECT_EQ(registered(out.text, {}, entry).change, RegisterChange::unchanged);
}

TEST(RegisterRunner, TheShownSectionHidesTheTokenAndOtherKeys) {
  const auto out =
      registered("[[runners]]\n  name = \"gate\"\n  token = \"glrt-secret\"\n  environment = [\"PASSWORD=x\"]\n",
                 {.runner = "gate"});
  EXPECT_EQ(out.section,
            "[[runners]]\n  name = \"gate\"\n  token = \"***\"\n" + std::string(kRest) + std::string(kCustom));
}

TEST(RegisterRunner, WhatIsUnclearIsRefused) {
  struct Case {
    std::string config;
    RunnerChoice choice;
    std::string message;
  };
  const std::string advice = " (write runners as [[runners]] with [runners.custom] below)";
  const std::vector<Case> cases = {
      {"",
       {},
       "config.toml: no runner calls scangate yet (add --token and --url of a new runner, or --runner NAME; the file "
       "has no runner)"},
      {"[[runners]]\nname = \"a\"\n[[runners]]\nname = \"b\"\n",
       {},
       "config.toml: no runner calls scangate yet (add --token and --url of a new runner, or --runner NAME; the file "
       "has 'a', 'b')"},
      {"[[runners]]\nname = \"a\"\n", {.runner = "b"}, "config.toml: no runner 'b' (the file has 'a')"},
      {"[[runners]]\nname = \"a\"\n[[runners]]\nname = \"a\"\n",
       {.runner = "a"},
       "config.toml: 2 runners are called 'a' (give each runner a name of its own in the file)"},
      {"",
       {.token = "glrt-x"},
       "a new runner needs the address of its GitLab server (add --url https://gitlab.example)"},
      {"",
       {.token = "glrt-x", .url = "gitlab.example"},
       "'gitlab.example' is no address of a GitLab server (it starts with https://)"},
      {"", {.token = "glrt x", .url = "https://gitlab.example"}, "the token holds a character that no token has"},
      {"",
       {.token = "GR1348941abc", .url = "https://gitlab.example"},
       "this is a registration token, not a runner's authentication token (create the runner in GitLab and give its "
       "glrt-… token, or run 'gitlab-runner register' and "
       "then 'scangate register --runner NAME')"},
      {"runners = [{name = \"a\"}]\n", {.runner = "a"}, "config.toml:1: 'runners' is written as a value" + advice},
      {"runners.name = 1\n", {.runner = "a"}, "config.toml:1: 'runners' is written as a value" + advice},
      {"[runners]\nname = \"a\"\n", {.runner = "a"}, "config.toml:1: [runners] is one table" + advice},
      {"[runners.custom]\n[x]\n",
       {.runner = "a"},
       "config.toml:1: a table of a runner stands before the first [[runners]]" + advice},
      {"[[runners]]\nname = \"a\"\ncustom = {run_exec = \"x\"}\n",
       {.runner = "a"},
       "config.toml:3: 'custom' is written as a value or with dots" + advice},
      {"[[runners]]\nname = \"a\"\ncustom.run_exec = \"x\"\n",
       {.runner = "a"},
       "config.toml:3: 'custom' is written as a value or with dots" + advice},
      {"[[runners]]\nname = \"a\"\n[[runners.custom]]\n",
       {.runner = "a"},
       "config.toml:3: [[runners.custom]] is an array" + advice},
      {"[[runners]]\nname = \"a\"\nshell.x = 1\n", {.runner = "a"}, "config.toml:3: 'shell' is written with dots"},
      {"[[runners]\n", {.runner = "a"}, "config.toml:1:10: expected ']]' after the table's name, found ']'"},
  };
  for (const auto& one : cases) {
    const auto out = register_runner(one.config, "config.toml", kEntry, one.choice);
    ASSERT_FALSE(out) << one.config;
    EXPECT_EQ(out.error().text(), one.message);
    EXPECT_EQ(out.error().fault(), Fault::user);
  }
}

TEST(ConfiguredRunners, TellWhichCallScangate) {
  const auto runners =
      configured_runners("[[runners]]\nname = \"a\"\nexecutor = \"docker\"\n\n" + registered("", kNew).text +
                             "[[runners]]\nexecutor = \"custom\"\n[runners.custom]\nrun_exec = "
                             "\"/opt/notscangate\"\nrun_args = [\"executor\", \"run\"]\n",
                         "config.toml");
  ASSERT_TRUE(runners);
  ASSERT_EQ(runners->size(), 3U);
  EXPECT_FALSE((*runners)[0].calls_scangate());
  EXPECT_TRUE((*runners)[1].calls_scangate());
  EXPECT_EQ((*runners)[1].line, 5);
  EXPECT_FALSE((*runners)[2].calls_scangate());
}

TEST(DefaultRunnerConfig, IsWhereGitlabRunnerLooks) {
  EXPECT_EQ(default_runner_config(true, "/root"), "/etc/gitlab-runner/config.toml");
  EXPECT_EQ(default_runner_config(false, "/home/ci"), "/home/ci/.gitlab-runner/config.toml");
  EXPECT_EQ(default_runner_config(false, std::nullopt), std::nullopt);
}

}  // namespace
}  // namespace scangate
