#include "pipeline/image/model.h"

#include <gmock/gmock.h>

#include "base/json/json.h"

namespace scangate {
namespace {

using testing::ElementsAre;

const std::string kDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(ModelTest, DockerConfigIsReadAndWrittenCanonically) {
  const std::string text = R"({
    "architecture": "arm64", "variant": "v8", "os": "linux", "created": "2024-01-02T03:04:05.678Z", "author": "me",
    "container": "ignored",
    "config": {"User": "app", "ExposedPorts": {"80/tcp": {}, "22/tcp": {}}, "Env": ["A=1", "B=2"], "Entrypoint": null,
      "Cmd": "sh", "Volumes": {"/v": {}}, "WorkingDir": "/w", "Labels": {"k": "v"}, "StopSignal": "SIGINT",
      "Healthcheck": {"Test": ["CMD-SHELL", "x"], "Interval": 30000000000, "Retries": 3}, "Shell": ["/bin/bash", "-c"],
      "OnBuild": ["RUN x"], "ArgsEscaped": true},
    "rootfs": {"type": "layers", "diff_ids": [")" +
                           kDigest + R"("]},
    "history": [{"created": "2024-01-02T03:04:05Z", "created_by": "ADD"}, {"created_by": "ENV", "empty_layer": true}]})";
  const auto config = parse_config(text, "config");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->platform.str(), "linux/arm64/v8");
  EXPECT_THAT(config->exposed_ports, ElementsAre("22/tcp", "80/tcp"));
  EXPECT_FALSE(config->entrypoint);
  EXPECT_THAT(config->command.value(), ElementsAre("sh"));
  EXPECT_EQ(config->healthcheck->interval, std::chrono::seconds(30));
  EXPECT_TRUE(config->history[1].empty_layer);
  const std::string canonical =
      R"({"created":"2024-01-02T03:04:05Z","author":"me","architecture":"arm64","os":"linux","variant":"v8","config":)"
      R"({"User":"app","ExposedPorts":{"22/tcp":{},"80/tcp":{}},"Env":["A=1","B=2"],"Cmd":["sh"],"Volumes":{"/v":{}},)"
      R"("WorkingDir":"/w","Labels":{"k":"v"},"StopSignal":"SIGINT","Healthcheck":{"Test":["CMD-SHELL","x"],)"
      R"("Interval":30000000000,"Retries":3},"Shell":["/bin/bash","-c"],"OnBuild":["RUN x"]},"rootfs":{"type":"layers",)"
      R"("diff_ids":[")" +
      kDigest +
      R"("]},"history":[{"created":"2024-01-02T03:04:05Z","created_by":"ADD"},)"
      R"({"created_by":"ENV","empty_layer":true}]})";
  EXPECT_EQ(to_json(*config), canonical);
  EXPECT_EQ(to_json(parse_config(canonical, "config").value()), canonical);
}

TEST(ModelTest, ManifestAndIndexRoundTrip) {
  const std::string manifest =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"c","digest":")" +
      kDigest + R"(","size":2},"layers":[{"mediaType":"l","digest":")" + kDigest +
      R"(","size":7,"urls":["https://x"],"annotations":{"a":"b"}}],"annotations":{"k":"v"}})";
  EXPECT_EQ(to_json(parse_manifest(manifest, "m").value()), manifest);
  const std::string index =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"m","digest":")" +
      kDigest + R"(","size":9,"platform":{"architecture":"arm","os":"linux","variant":"v7"}}]})";
  EXPECT_EQ(to_json(parse_index(index, "i").value()), index);
}

TEST(ModelTest, WrongMembersAreNamed) {
  const std::string descriptor = R"({"mediaType":"c","digest":")" + kDigest + R"(","size":2})";
  const std::pair<std::string, std::string> manifests[] = {
      {"[]", "m: it must be a JSON object"},
      {"{}", "m: 'mediaType' must be that of an image manifest, not ''"},
      {R"({"schemaVersion":1})",
       "m: it is a Docker schema 1 manifest, which is not supported: push the image again with a Docker of 1.10 or "
       "later"},
      {R"({"manifests":[]})",
       "m: 'mediaType' must be that of an image manifest, not 'application/vnd.oci.image.index.v1+json'"},
      {R"({"config":1,"layers":[]})", "m: 'config' must be an object"},
      {R"({"config":{"digest":"x"},"layers":[]})",
       "m: 'config.digest' must be a digest: 'x' is not a digest: it must begin with 'sha256:'"},
      {R"({"config":)" + descriptor + R"(,"layers":{}})", "m: 'layers' must be an array of descriptors"},
      {R"({"config":)" + descriptor + R"(,"layers":[{"digest":")" + kDigest + R"(","size":-1}]})",
       "m: 'layers[0].size' must be zero or more"},
      {R"({"config":)" + descriptor + R"(,"layers":[{"digest":")" + kDigest + R"("}]})",
       "m: 'layers[0].size' must be an integer"},
  };
  for (const auto& [text, message] : manifests) {
    const auto manifest = parse_manifest(text, "m");
    ASSERT_FALSE(manifest) << text;
    EXPECT_EQ(manifest.error().text(), message);
    EXPECT_EQ(manifest.error().fault(), Fault::user);
  }
  const std::pair<std::string, std::string> configs[] = {
      {"{}", "c: 'rootfs' must be an object"},
      {R"({"rootfs":{"diff_ids":["x"]}})",
       "c: 'rootfs.diff_ids' must be digests: 'x' is not a digest: it must begin with 'sha256:'"},
      {R"({"rootfs":{},"created":"yesterday"})", "c: 'created' must be an RFC 3339 time, not 'yesterday'"},
      {R"({"rootfs":{},"config":{"Env":[1]}})", "c: 'config.Env' must be an array of strings"},
      {R"({"rootfs":{},"config":{"Labels":[]}})", "c: 'config.Labels' must be an object of strings"},
      {R"({"rootfs":{},"history":[1]})", "c: 'history[0]' must be an object"},
  };
  for (const auto& [text, message] : configs) {
    const auto config = parse_config(text, "c");
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().text(), message);
  }
}

TEST(ModelTest, CountsAndSizesAreCapped) {
  const auto manifest_of = [](std::size_t layers) {
    const std::string descriptor = R"({"mediaType":"c","digest":")" + kDigest + R"(","size":2})";
    std::string text = R"({"config":)" + descriptor + R"(,"layers":[)";
    for (std::size_t i = 0; i < layers; ++i)
      text += (i == 0 ? "" : ",") + descriptor;
    return text + "]}";
  };
  EXPECT_TRUE(parse_manifest(manifest_of(kMaxLayers), "m"));
  EXPECT_EQ(parse_manifest(manifest_of(kMaxLayers + 1), "m").error().text(),
            "m: 'layers' must be at most 500 descriptors, it has 501");
  const std::string padded = manifest_of(1) + std::string(kMaxManifestBytes, ' ');
  EXPECT_EQ(parse_manifest(padded, "m").error().text(), "m: it is larger than the allowed 4194304 bytes");
}

TEST(ModelTest, DocumentsTellTheirType) {
  EXPECT_EQ(document_media_type(R"({"mediaType":"x"})"), "x");
  EXPECT_EQ(document_media_type(R"({"manifests":[]})"), media_type::kOciIndex);
  EXPECT_EQ(document_media_type(R"({"layers":[],"config":{}})"), media_type::kOciManifest);
  EXPECT_EQ(document_media_type("[]"), "");
  EXPECT_EQ(document_media_type("nonsense"), "");
}

TEST(ModelTest, PlatformsAreParsedAndMatched) {
  EXPECT_EQ(Platform::parse("linux/arm64/v8")->str(), "linux/arm64/v8");
  EXPECT_EQ(Platform::parse("linux/x86_64")->str(), "linux/amd64");
  EXPECT_EQ(Platform::parse("linux").error().text(),
            "'linux' is not a platform: it must be OS/ARCHITECTURE[/VARIANT], such as linux/amd64");
  EXPECT_FALSE(Platform::parse("linux/"));
  const auto platform = [](const char* text) { return Platform::parse(text).value(); };
  EXPECT_TRUE(platform_matches(platform("linux/arm64"), platform("linux/arm64/v8")));
  EXPECT_TRUE(platform_matches(platform("linux/arm64/v8"), platform("linux/arm64")));
  EXPECT_FALSE(platform_matches(platform("linux/arm/v6"), platform("linux/arm/v7")));
  EXPECT_FALSE(platform_matches(platform("linux/amd64"), platform("windows/amd64")));
}

TEST(ModelTest, ChainIdsFollowTheSpec) {
  const DiffId a{Digest::of("a")};
  const DiffId b{Digest::of("b")};
  EXPECT_EQ(chain_id({a, b}, 1).digest, a.digest);
  EXPECT_EQ(chain_id({a, b}, 2).digest, Digest::of(a.digest.str() + " " + b.digest.str()));
}

}  // namespace
}  // namespace scangate
