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
  const auto request = run({"--cap-add", "ALL", "--privileged", "--gpus=all", "nginx"});
  ASSERT_TRUE(request);
  ASSERT_EQ(request->refused.size(), 3U);
  EXPECT_EQ(request->refused[0].first, "--cap-add");
  EXPECT_EQ(request->refused[1].first, "--privileged");
  EXPECT_EQ(request->refused[2].first, "--gpus");
}

TEST(DockerRun, APublishedPortIsReadInEveryFormDockerTakes) {
  const std::pair<std::string, std::vector<PublishedPort>> cases[] = {
      {"80", {{0, 80, false}}},
      {"8080:80", {{8080, 80, false}}},
      {"127.0.0.1:8080:80", {{8080, 80, false}}},
      {"127.0.0.1::80/tcp", {{0, 80, false}}},
      {"[::1]:8080:80", {{8080, 80, false}}},
      {"53:53/udp", {{53, 53, true}}},
      {"8000-8002:80-82", {{8000, 80, false}, {8001, 81, false}, {8002, 82, false}}},
  };
  for (const auto& [text, ports] : cases) {
    const auto request = run({"-dp", text, "nginx"});
    ASSERT_TRUE(request) << text << ": " << request.error().text();
    EXPECT_TRUE(request->detach);
    EXPECT_EQ(request->ports, ports) << text;
  }
  for (const std::string text : {"", "0", "80:", "65536", "80:80/sctp", "1-3:1-2", "3-1:3-1", "x:80"}) {
    const auto request = run({"-p", text, "nginx"});
    ASSERT_FALSE(request) << text;
    EXPECT_EQ(request.error().text(),
              "docker run: --publish: '" + text + "' is not [ADDRESS:][HOST:]CONTAINER[/PROTOCOL]");
  }
  EXPECT_TRUE(run({"-p", "1-100:1-100", "nginx"}));
  const auto too_many = run({"-p", "1-101:1-101", "nginx"});
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().text(), "docker run: --publish: more than 100 ports");
}

TEST(DockerRun, WhatChangesNothingIsNoted) {
  const auto request = run({"--init", "--memory=1g", "--add-host", "a.test:::1", "--name", "app", "nginx"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->notes,
            (Args{"--init: what is left of a container ends with it", "--memory: the job's own limits hold"}));
  EXPECT_EQ(request->add_hosts, (std::vector<std::pair<std::string, std::string>>{{"a.test", "::1"}}));
  EXPECT_EQ(request->name, "app");
}

TEST(DockerRun, WrongUseIsToldAsDockerDoes) {
  const std::pair<Args, std::string> cases[] = {
      {{}, "docker run: requires at least 1 argument, the image (see 'docker run --help')"},
      {{""}, "docker run: the image's name is empty (is a variable not set?)"},
      {{"--enw", "x", "a"}, "docker run: unknown flag: --enw (did you mean --env?)"},
      {{"-v", "aa:b", "i"}, "docker run: --volume: the target 'b' is not an absolute path"},
      {{"-v", "aa:/b:q", "i"}, "docker run: --volume: the option 'q' is not served"},
      {{"--mount", "type=npipe,target=/x", "i"},
       "docker run: --mount: type 'npipe' is not served, 'bind', 'volume' and 'tmpfs' are"},
      {{"--name", "../x", "i"},
       "docker run: --name: '../x' is no name: letters, digits, '_', '.' and '-' make one, at least two"},
      {{"-v", "a b:/x", "i"}, "docker run: --volume: 'a b' is no volume's name"},
      {{"--add-host", "a:b c", "i"}, "docker run: --add-host: 'a:b c' is not name:address"},
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
