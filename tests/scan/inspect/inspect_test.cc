#include "scan/inspect/inspect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace scangate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// An image that no rule has anything against.
ImageFacts quiet_image() {
  ImageFacts image;
  image.config.user = "app";
  image.config.has_healthcheck = true;
  image.base_name = "debian:bookworm";
  return image;
}

std::vector<std::string> lines_of(const ImageFacts& image) {
  std::vector<std::string> lines;
  for (const Finding& finding : inspect_image(image, {})) {
    std::string line = fmt::format("{} {} [{}] {} | {}", finding.id, severity_name(finding.severity), finding.detail,
                                   finding.title, finding.remedy);
    if (finding.place) line += fmt::format(" @{}:{}", finding.place->file, finding.place->line);
    if (finding.in_base) line += " in base";
    lines.push_back(std::move(line));
  }
  return lines;
}

TEST(Inspect, QuietImageHasNoFindings) {
  EXPECT_THAT(lines_of(quiet_image()), IsEmpty());
}

TEST(ExposedPort, NamesThePortItsPlaceAndTheLineToChange) {
  ImageFacts image = quiet_image();
  image.dockerfile = "Dockerfile";
  image.config.exposed_ports = {"22/tcp", "5000/tcp"};
  image.config_places = {{"EXPOSE 22/tcp", {"Dockerfile", 7}}, {"EXPOSE 5000/tcp", {"Dockerfile", 8}}};
  EXPECT_THAT(
      lines_of(image),
      ElementsAre(
          "exposed-port medium [22/tcp] Port 22/tcp (SSH) is exposed | remove EXPOSE 22/tcp in Dockerfile:7 "
          "unless clients need it @Dockerfile:7",
          "exposed-port low [5000/tcp] Port 5000/tcp is exposed | remove EXPOSE 5000/tcp in Dockerfile:8 unless "
          "clients need it @Dockerfile:8"));
}

TEST(ExposedPort, OfTheBaseImageIsTheBases) {
  ImageFacts image = quiet_image();
  image.dockerfile = "Dockerfile";
  image.config.exposed_ports = {"23/tcp"};
  EXPECT_THAT(lines_of(image),
              ElementsAre("exposed-port medium [23/tcp] Port 23/tcp (Telnet) is exposed | use a base image "
                          "other than debian:bookworm, which exposes it in base"));
}

TEST(ExposedPort, FormsAndRanges) {
  ImageFacts image = quiet_image();
  image.config.exposed_ports = {"22",       "22/tcp", "2370-2380/tcp",     "3389/udp", "220/tcp",
                                "0x16/tcp", "-1",     "99999999999999/tcp"};
  std::vector<std::string> told;
  for (const Finding& finding : inspect_image(image, {}))
    told.push_back(finding.detail + " " + std::string(severity_name(finding.severity)));
  EXPECT_THAT(told, ElementsAre("22/tcp medium", "2370-2380/tcp medium", "3389/udp medium", "220/tcp low",
                                "0x16/tcp low", "-1/tcp low", "99999999999999/tcp low"));
}

TEST(ExposedPort, AreCapped) {
  ImageFacts image = quiet_image();
  for (int port = 1; port <= 1001; ++port)
    image.config.exposed_ports.push_back(std::to_string(port) + "/tcp");
  EXPECT_EQ(inspect_image(image, {}).size(), 1000U);
}

TEST(RootUser, UnsetIsLowAndNamedIsMedium) {
  ImageFacts image = quiet_image();
  image.config.user = "";
  EXPECT_THAT(lines_of(image),
              ElementsAre("root-user low [] The image names no user and runs as root | add USER with an "
                          "unprivileged user to the last stage of the Dockerfile"));
  image.config.user = "0:0";
  image.config_places["USER"] = {"docker/Dockerfile", 9};
  EXPECT_THAT(lines_of(image),
              ElementsAre("root-user medium [] The image runs as 0:0 | name an unprivileged user as the last "
                          "USER in docker/Dockerfile:9 @docker/Dockerfile:9"));
}

TEST(RootUser, Forms) {
  for (const char* root : {"", "root", "0", "00", "root:app", "0:1000", ":1000", " root "}) {
    ImageFacts image = quiet_image();
    image.config.user = root;
    EXPECT_EQ(inspect_image(image, {}).size(), 1U) << root;
  }
  for (const char* other : {"app", "1000", "1000:0", "rooted", "nobody:root"}) {
    ImageFacts image = quiet_image();
    image.config.user = other;
    EXPECT_THAT(inspect_image(image, {}), IsEmpty()) << other;
  }
}

TEST(SecretInEnv, IsToldByNameAndNeverByValue) {
  ImageFacts image = quiet_image();
  image.dockerfile = "Dockerfile";
  image.config.environment = {"PATH=/usr/bin", "API_TOKEN=hunter2=hunter2", "DB_PASSWORD_FILE=/run/secret",
                              "EMPTY_TOKEN=", "TOKEN"};
  image.config_places["ENV API_TOKEN"] = {"Dockerfile", 3};
  EXPECT_THAT(
      lines_of(image),
      ElementsAre(
          "secret-in-env high [API_TOKEN] Environment variable API_TOKEN looks like a secret | revoke it, remove "
          "ENV API_TOKEN in Dockerfile:3, and give it to the container when it starts, or to RUN with "
          "--mount=type=secret @Dockerfile:3"));
  for (const Finding& finding : inspect_image(image, {}))
    for (const std::string& text :
         {finding.title, finding.description, finding.detail, finding.remedy, finding_key(finding)})
      EXPECT_EQ(text.find("hunter2"), std::string::npos);
}

TEST(SecretInEnv, HostileNamesStayOneShortLine) {
  ImageFacts image = quiet_image();
  image.config.environment = {"A\nB\x1b[31m\xff_TOKEN=x1", std::string(5000, 'A') + "_TOKEN=x1"};
  const auto findings = inspect_image(image, {});
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].detail, "A B\\x1b[31m\xEF\xBF\xBD_TOKEN");
  EXPECT_LE(findings[1].detail.size(), 120U);
  EXPECT_LE(findings[1].title.size(), 200U);
}

TEST(NoHealthcheck, IsNegligible) {
  ImageFacts image = quiet_image();
  image.config.has_healthcheck = false;
  EXPECT_THAT(lines_of(image),
              ElementsAre("no-healthcheck negligible [] The image has no health check | add HEALTHCHECK to "
                          "the last stage of the Dockerfile"));
}

TEST(LatestBase, IsABaseWithoutAVersion) {
  for (const char* unpinned : {"debian", "debian:latest", "localhost:5000/app", "registry.example/team/app:latest"}) {
    ImageFacts image = quiet_image();
    image.base_name = unpinned;
    EXPECT_THAT(lines_of(image),
                ElementsAre(fmt::format("latest-base low [{0}] Base image {0} has no fixed version | name a "
                                        "version and a digest in FROM in the Dockerfile",
                                        unpinned)));
  }
  for (const char* fixed :
       {"", "scratch", "debian:12", "debian@sha256:00", "debian:latest@sha256:00", "localhost:5000/app:1"}) {
    ImageFacts image = quiet_image();
    image.base_name = fixed;
    EXPECT_THAT(lines_of(image), IsEmpty()) << fixed;
  }
}

TEST(InspectRules, ListEveryRuleThatFinds) {
  ImageFacts image;
  image.config.exposed_ports = {"22/tcp"};
  image.config.environment = {"API_TOKEN=x1"};
  image.base_name = "debian";
  std::set<std::string> found;
  for (const Finding& finding : inspect_image(image, {})) {
    found.insert(finding.id);
    EXPECT_EQ(finding.kind, FindingKind::config);
    EXPECT_FALSE(finding.description.empty());
    EXPECT_FALSE(finding.remedy.empty());
    EXPECT_THAT(finding.sources, ElementsAre("native"));
  }
  std::set<std::string> listed;
  for (const InspectRule& rule : inspect_rules())
    listed.insert(rule.id);
  EXPECT_EQ(found, listed);
}

}  // namespace
}  // namespace scangate
