#include "pipeline/attestation/provenance.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/json/json.h"

namespace scangate {
namespace {

using Json = nlohmann::json;
using Mode = ProvenanceOrder::Mode;
using Slsa = ProvenanceOrder::Slsa;

class ProvenanceTest : public testing::Test {
 protected:
  ProvenanceTest() {
    request_.build_args = {{"VERSION", "1.2"}};
    request_.labels = {{"team", "a"}};
    built_.materials = {image_material(*Reference::parse("debian:bookworm"), {.os = "linux", .architecture = "amd64"},
                                       Digest::of("base"))};
    built_.dockerfile_text = "FROM debian:bookworm\nARG VERSION\nRUN make\n";
    built_.facts.dockerfile = "docker/Dockerfile";
    built_.facts.layers = {{.diff_id = {Digest::of("a")},
                            .created_by = "RUN |1 VERSION=1.2 make",
                            .is_base = false,
                            .place = SourcePlace{"docker/Dockerfile", 3},
                            .stage = "0"}};
    facts_.tool_version = "1.0";
    facts_.started = *parse_time("2026-11-22T10:00:00Z");
    facts_.finished = *parse_time("2026-11-22T10:00:05Z");
  }
  std::string text() const { return provenance_predicate(order_, request_, built_, facts_); }
  Json json() const { return *parse_json(text(), "provenance"); }

  ProvenanceOrder order_;
  BuildRequest request_;
  BuiltImage built_;
  ProvenanceFacts facts_;
};

TEST_F(ProvenanceTest, SaysWhatTheImageWasBuiltFrom) {
  facts_.invocation_id = "https://gitlab.example/group/app/-/jobs/7";
  facts_.source = "https://gitlab.example/group/app";
  facts_.revision = "0123abcd";
  const Json out = json();
  EXPECT_EQ(out["builder"]["id"], "scangate:builder@1.0");
  EXPECT_EQ(out["buildType"], "scangate:dockerfile@v1");
  EXPECT_EQ(out["materials"][0]["uri"], "pkg:docker/debian@bookworm?platform=linux%2Famd64");
  EXPECT_EQ(out["materials"][0]["digest"]["sha256"], Digest::of("base").hex());
  EXPECT_EQ(out["invocation"]["configSource"]["entryPoint"], "docker/Dockerfile");
  EXPECT_EQ(out["metadata"]["buildInvocationID"], "https://gitlab.example/group/app/-/jobs/7");
  EXPECT_EQ(out["metadata"]["buildStartedOn"], "2026-11-22T10:00:00Z");
  EXPECT_EQ(out["metadata"]["buildFinishedOn"], "2026-11-22T10:00:05Z");
  EXPECT_EQ(out["metadata"]["https://mobyproject.org/buildkit@v1#metadata"]["vcs"]["revision"], "0123abcd");
}

TEST_F(ProvenanceTest, MinimalOneSaysNothingOfArguments) {
  const std::string out = text();
  EXPECT_EQ(out.find("1.2"), std::string::npos) << out;
  EXPECT_EQ(out.find("buildConfig"), std::string::npos);
  EXPECT_EQ(json()["metadata"]["completeness"]["parameters"], false);
}

TEST_F(ProvenanceTest, CompleteOneHasArgumentsDockerfileAndLayers) {
  order_.mode = Mode::max;
  request_.secrets = {{"npmrc", "value of it"}};
  request_.ssh_agents = {{"default", "/nowhere"}};
  const Json out = json();
  const Json& parameters = out["invocation"]["parameters"];
  EXPECT_EQ(parameters["args"], (Json{{"build-arg:VERSION", "1.2"}, {"label:team", "a"}}));
  EXPECT_EQ(parameters["secrets"], (Json{{{"id", "npmrc"}}}));
  EXPECT_EQ(parameters["ssh"], (Json{{{"id", "default"}}}));
  EXPECT_EQ(out["metadata"]["completeness"]["parameters"], true);
  EXPECT_EQ(base64_decode(out["buildConfig"]["dockerfile"]["data"].get<std::string>()), built_.dockerfile_text);
  EXPECT_EQ(out["buildConfig"]["layers"][0]["place"], "docker/Dockerfile:3");
  EXPECT_EQ(out["buildConfig"]["layers"][0]["diffId"], Digest::of("a").str());
}

TEST_F(ProvenanceTest, NoSecretIsInAnyOfIt) {
  order_.mode = Mode::max;
  request_.secrets = {{"npmrc", "s3cret-of-npm"}};
  request_.build_args = {{"DB_PASSWORD", "hunter2hunter2"},
                         {"HTTP_PROXY", "http://user:hunter2@proxy"},
                         {"COPIED", "x s3cret-of-npm x"},
                         {"FROM_JOB", "sgphPLACEHOLDER"}};
  request_.labels = {{"by", "sgphPLACEHOLDER"}};
  built_.dockerfile_text = "FROM scratch\nENV A=s3cret-of-npm\n";
  facts_.holds_credential = [](std::string_view text) { return text.find("sgph") != std::string_view::npos; };
  for (const Slsa slsa : {Slsa::v0_2, Slsa::v1}) {
    order_.slsa = slsa;
    const std::string out = text();
    for (const std::string& part :
         {std::string("hunter2"), std::string("s3cret"), std::string("sgph"), base64_encode("FROM scratch\nEN")})
      EXPECT_EQ(out.find(part), std::string::npos) << part << "\n" << out;
  }
  EXPECT_EQ(json()["runDetails"]["metadata"]["buildkit_completeness"]["request"], false);
}

TEST_F(ProvenanceTest, AFixedTimeMakesItTheSameAgain) {
  request_.source_date_epoch = TimePoint{};
  const std::string before = text();
  facts_.invocation_id = "https://gitlab.example/group/app/-/jobs/8";
  facts_.started += std::chrono::hours(1);
  facts_.finished += std::chrono::hours(1);
  EXPECT_EQ(text(), before);
  EXPECT_EQ(before.find("buildStartedOn"), std::string::npos);
}

TEST_F(ProvenanceTest, AContextFromElsewhereIsNamedWithItsCommit) {
  request_.context_material = BuildMaterial{"https://git.example/app.git#main", "sha1", std::string(40, 'a')};
  request_.network = Network::none;
  const Json out = json();
  EXPECT_EQ(out["invocation"]["configSource"]["uri"], "https://git.example/app.git#main");
  EXPECT_EQ(out["invocation"]["configSource"]["digest"]["sha1"], std::string(40, 'a'));
  EXPECT_FALSE(out["invocation"]["parameters"].contains("locals"));
  EXPECT_EQ(out["metadata"]["completeness"]["materials"], true);
  request_.network = Network::host;
  EXPECT_EQ(json()["metadata"]["completeness"]["materials"], false);
}

TEST_F(ProvenanceTest, TheNewerVersionSaysTheSame) {
  order_ = {.mode = Mode::max, .slsa = Slsa::v1, .builder_id = "https://ci.example", .reproducible = true};
  const Json out = json();
  EXPECT_EQ(out["buildDefinition"]["resolvedDependencies"][0]["uri"],
            "pkg:docker/debian@bookworm?platform=linux%2Famd64");
  EXPECT_EQ(out["buildDefinition"]["externalParameters"]["configSource"]["path"], "docker/Dockerfile");
  EXPECT_EQ(out["buildDefinition"]["externalParameters"]["request"]["args"]["build-arg:VERSION"], "1.2");
  EXPECT_TRUE(out["buildDefinition"]["internalParameters"].contains("buildConfig"));
  EXPECT_EQ(out["runDetails"]["builder"]["id"], "https://ci.example");
  EXPECT_EQ(out["runDetails"]["metadata"]["startedOn"], "2026-11-22T10:00:00Z");
  EXPECT_EQ(out["runDetails"]["metadata"]["buildkit_reproducible"], true);
}

TEST(ImagePurl, NamesRegistryTagAndDigest) {
  const std::string digest = Digest::of("x").str();
  const std::pair<std::string, std::string> rows[] = {
      {"debian", "pkg:docker/debian@latest?platform=linux%2Farm64%2Fv8"},
      {"user/app:1.2", "pkg:docker/user/app@1.2?platform=linux%2Farm64%2Fv8"},
      {"registry.example:5000/a/b:1", "pkg:docker/registry.example:5000/a/b@1?platform=linux%2Farm64%2Fv8"},
      {"debian@" + digest, "pkg:docker/debian?digest=" + digest + "&platform=linux%2Farm64%2Fv8"},
  };
  for (const auto& [name, expected] : rows) {
    const auto reference = Reference::parse(name);
    ASSERT_TRUE(reference) << name;
    EXPECT_EQ(image_purl(*reference, {.os = "linux", .architecture = "arm64", .variant = "v8"}), expected);
  }
}

TEST(Materials, AreCountedOnceAndWithoutCredentials) {
  BuildMaterials materials;
  materials.add(file_material("https://me:secret@host/file", Digest::of("x")));
  materials.add(file_material("https://me:secret@host/file", Digest::of("x")));
  ASSERT_EQ(materials.all().size(), 1U);
  EXPECT_EQ(materials.all()[0].uri, "https://***@host/file");
}

}  // namespace
}  // namespace scangate
