#include "pipeline/command/docker_run.h"

#include <gtest/gtest.h>

#include "pipeline/command/compose.h"
#include "pipeline/command/scanner.h"

namespace scangate::command {
namespace {

using Args = std::vector<std::string>;

Result<RunRequest> run(const Args& args) {
  bool help = false;
  return parse_run("docker run", args, help);
}

TEST(DockerRun, FlagsEndAtTheImage) {
  const auto request = run({"--rm",
                            "-it",
                            "-e",
                            "A=b",
                            "-e",
                            "C",
                            "--env-file",
                            "env",
                            "-v",
                            "./d:/data:ro",
                            "--mount",
                            "type=bind,source=/s,target=/t,readonly",
                            "-v",
                            "/cache",
                            "-w",
                            "/w",
                            "-u",
                            "1:2",
                            "--entrypoint",
                            "",
                            "--network=none",
                            "--pull",
                            "always",
                            "--security-opt",
                            "no-new-privileges",
                            "alpine:3",
                            "sh",
                            "-c",
                            "echo -n"});
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->image, "alpine:3");
  EXPECT_EQ(request->command, (Args{"sh", "-c", "echo -n"}));
  EXPECT_EQ(request->environment, (Args{"A=b", "C"}));
  EXPECT_EQ(request->environment_files, Args{"env"});
  ASSERT_EQ(request->volumes.size(), 3U);
  EXPECT_EQ(request->volumes[0].source, "./d");
  EXPECT_EQ(request->volumes[0].target, "/data");
  EXPECT_TRUE(request->volumes[0].read_only);
  EXPECT_EQ(request->volumes[1].source, "/s");
  EXPECT_TRUE(request->volumes[1].read_only);
  EXPECT_EQ(request->volumes[2].source, "");
  EXPECT_EQ(request->entrypoint, "");
  EXPECT_TRUE(request->interactive && request->no_new_privileges);
  EXPECT_EQ(request->network, "none");
  EXPECT_TRUE(request->refused.empty());
}

TEST(DockerRun, WhatNoContainerHereCanHaveIsKeptForTheMessage) {
  const auto request = run({"-d", "-p", "80:80", "--privileged=false", "nginx"});
  ASSERT_TRUE(request);
  ASSERT_EQ(request->refused.size(), 2U);
  EXPECT_EQ(request->refused[0].first, "--detach");
  EXPECT_EQ(request->refused[1].first, "--publish");
}

TEST(DockerRun, WrongUseIsToldAsDockerDoes) {
  const std::pair<Args, std::string> cases[] = {
      {{}, "docker run: requires at least 1 argument, the image (see 'docker run --help')"},
      {{""}, "docker run: the image's name is empty (is a variable not set?)"},
      {{"--enw", "x", "a"}, "docker run: unknown flag: --enw (did you mean --env?)"},
      {{"-v", "a:b", "i"}, "docker run: --volume: the target 'b' is not an absolute path"},
      {{"-v", "a:/b:q", "i"}, "docker run: --volume: the option 'q' is not served"},
      {{"--mount", "type=tmpfs,target=/x", "i"}, "docker run: --mount: type 'tmpfs' is not served, 'bind' is"},
  };
  for (const auto& [args, message] : cases) {
    const auto request = run(args);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().text(), message);
  }
}

TEST(Scanner, TheImageThatIsToBeScanned) {
  struct Case {
    std::string image;
    Args command;
    std::string scanner, scanned, output;
  };
  const Case cases[] = {
      {"aquasec/trivy", {"image", "app:1"}, "Trivy", "app:1", ""},
      {"docker.io/aquasec/trivy:0.50",
       {"--quiet", "image", "--exit-code", "1", "--severity", "HIGH,CRITICAL", "r:5000/app:1"},
       "Trivy",
       "r:5000/app:1",
       ""},
      {"ghcr.io/aquasecurity/trivy:latest",
       {"trivy", "image", "app", "--format=json", "-o", "/out/r.json"},
       "Trivy",
       "app",
       "/out/r.json"},
      {"mirror.example/hub/aquasec/trivy", {"i", "--no-progress", "app"}, "Trivy", "app", ""},
      {"aquasec/trivy", {"--version"}, "Trivy", "", ""},
      {"anchore/grype:latest",
       {"docker:app:1", "-o", "json", "--fail-on", "high", "--only-fixed"},
       "Grype",
       "app:1",
       ""},
      {"quay.io/sysdig/secure-inline-scan:2",
       {"-s", "https://secure.example", "-k", "token", "--storage-type", "docker-daemon", "app:1"},
       "Sysdig inline scan",
       "app:1",
       ""},
      {"sysdiglabs/secure_inline_scan",
       {"analyze", "-s", "u", "-k", "t", "-P", "app:1"},
       "Sysdig inline scan",
       "app:1",
       ""},
      {"anchore/inline-scan:v0.10.2", {"scan", "-f", "app:1"}, "Anchore inline scan", "app:1", ""},
      {"ovotech/clair-scanner",
       {"clair-scanner", "--ip", "10.0.0.1", "-r", "/r.json", "app:1"},
       "Clair",
       "app:1",
       "/r.json"},
      {"quay.io/projectquay/clair:4", {"clairctl", "report", "--host", "http://clair", "app:1"}, "Clair", "app:1", ""},
  };
  for (const auto& one : cases) {
    const auto request = parse_scanner(one.image, one.command);
    ASSERT_TRUE(request) << one.image << ": " << request.error().text();
    ASSERT_TRUE(*request) << one.image;
    EXPECT_EQ((*request)->scanner, one.scanner) << one.image;
    EXPECT_EQ((*request)->image, one.scanned) << one.image;
    EXPECT_EQ((*request)->output, one.output) << one.image;
  }
}

TEST(Scanner, OtherImagesAreNoneAndOtherScansAreRefused) {
  for (const char* image : {"alpine", "me/nottrivy", "trivy-db", "aquasec/trivy-operator"}) {
    const auto request = parse_scanner(image, Args{"image", "x"});
    ASSERT_TRUE(request);
    EXPECT_FALSE(*request) << image;
  }
  EXPECT_EQ(parse_scanner("aquasec/trivy", Args{"fs", "."}).error().text(),
            "'Trivy fs' is not served by scangate (scans of images are, and the image gate does them by itself before "
            "each push)");
  EXPECT_EQ(parse_scanner("aquasec/trivy", Args{"image"}).error().text(), "Trivy: no image to scan is named");
  EXPECT_EQ(parse_scanner("anchore/grype", Args{"dir:."}).error().text(),
            "Grype of 'dir:.' is not served by scangate, scans of images are");
}

TEST(Compose, VerbsAndFlags) {
  std::vector<std::string> notes;
  bool help = false;
  const auto build = parse_compose(Args{"-f", "a.yml", "-f", "b.yml", "-p", "shop", "--profile", "x", "build",
                                        "--no-cache", "--build-arg", "A=1", "--push", "web"},
                                   notes, help);
  ASSERT_TRUE(build) << build.error().text();
  EXPECT_EQ(build->files, (Args{"a.yml", "b.yml"}));
  EXPECT_EQ(build->project_name, "shop");
  EXPECT_EQ(build->services, Args{"web"});
  EXPECT_TRUE(build->no_cache && build->push);
  EXPECT_EQ(build->build_args, (std::vector<BuildArg>{{"A", "1"}}));
  EXPECT_TRUE(parse_compose(Args{"push", "--ignore-push-failures"}, notes, help)->ignore_failures);
  EXPECT_TRUE(parse_compose(Args{"config", "--images"}, notes, help)->list_images);
  EXPECT_EQ(
      parse_compose(Args{"up", "-d"}, notes, help).error().text(),
      "docker compose: 'up' is not served by scangate (build, push and config are; what runs beside a job belongs "
      "to its 'services:')");
  EXPECT_EQ(parse_compose(Args{"bulid"}, notes, help).error().text(),
            "docker compose: 'bulid' is not served by scangate (build, push and config are)");
}

}  // namespace
}  // namespace scangate::command
