#include "executor/gitlab/annotations.h"

#include <gtest/gtest.h>

#include "base/json/json.h"

namespace scangate {
namespace {

ScanResult scan(std::string name, Outcome outcome = Outcome::pass) {
  ScanResult out;
  out.image.name = std::move(name);
  out.verdict.outcome = outcome;
  out.verdict.policy = "default";
  return out;
}

const JobPlace kPlace{.server = {.scheme = "https", .host = "gitlab.example", .root = "/gitlab"},
                      .project_path = "group/app",
                      .job_id = 12,
                      .instance_registry = "registry.example:5050"};

TEST(Annotations, LinkEachImageToWhereItCanBeLookedAt) {
  const struct {
    const char* image;
    const char* url;
  } cases[] = {
      {"registry.example:5050/group/app:1", "https://gitlab.example/gitlab/group/app/container_registry"},
      {"debian:12", "https://hub.docker.com/_/debian"},
      {"someone/tool:1", "https://hub.docker.com/r/someone/tool"},
      {"quay.io/org/tool:1", "https://quay.io/org/tool"},
  };
  for (const auto& c : cases) {
    const auto json = parse_json(render_annotations(kPlace, {scan(c.image)}), "annotations");
    ASSERT_TRUE(json);
    ASSERT_EQ(json->size(), 1U);
    const auto& link = (*json)["Scanned images"][0]["external_link"];
    EXPECT_EQ(link["url"], c.url);
    EXPECT_EQ(link["label"],
              std::string("PASS  ") + c.image + ": 0 packages, 0 findings, none of them held back by policy default");
    EXPECT_EQ(link.size(), 2U);
  }
}

TEST(Annotations, LinkTheFilesThatTheArchiveHolds) {
  JobPlace place = kPlace;
  place.files = {"scangate-reports/a report.html"};
  const auto json = parse_json(render_annotations(place, {}), "annotations");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["Scan reports"][0]["external_link"]["url"],
            "https://gitlab.example/gitlab/group/app/-/jobs/12/artifacts/file/scangate-reports/a%20report.html");
}

TEST(Annotations, AreLeftOutWhenThereIsNothingToLink) {
  EXPECT_EQ(render_annotations(kPlace, {scan("NOT A NAME")}), "");
}

TEST(Annotations, StayBelowGitLabsLimitWhateverTheImagesAreCalled) {
  std::vector<ScanResult> scans;
  for (int i = 0; i < 1000; ++i) {
    scans.push_back(
        scan("registry.other/" + std::string(200, 'a') + "/" + std::to_string(i) + ":1", Outcome::undecided));
    scans.back().verdict.reasons = {std::string(5000, 'x') + "\x1b[2J\xff"};
  }
  const std::string text = render_annotations(kPlace, scans);
  EXPECT_LT(text.size(), 80U << 10U);
  const auto json = parse_json(text, "annotations");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["Scanned images"].size(), kMaxAnnotationLinks);
}

}  // namespace
}  // namespace scangate
