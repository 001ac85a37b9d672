// Images of several platforms: what goes over the wire, and in which order.
#include <gmock/gmock.h>

#include "pipeline/image/image_index.h"
#include "pipeline/registry/registry.h"
#include "test_image.h"
#include "tests/support/test_registry.h"

namespace scangate {
namespace {

using test::TestRegistry;
using testing::HasSubstr;

constexpr std::string_view kInToto = "application/vnd.in-toto+json";

class IndexTest : public testing::Test {
 protected:
  Registry client() { return {settings_, fixed_credentials({}), make_curl_transport({})}; }
  Reference name(const std::string& rest = "team/app:1") const {
    return must(Reference::parse(registry_.host() + "/" + rest));
  }
  Digest statement(const std::string& text, std::string_view type = kInToto) {
    Manifest manifest{.media_type = std::string(media_type::kOciManifest)};
    manifest.config = {.media_type = "application/vnd.oci.empty.v1+json",
                       .digest = must(from_.store->put_blob("{}")),
                       .size_bytes = 2};
    manifest.layers.push_back(
        {.media_type = std::string(type), .digest = must(from_.store->put_blob(text)), .size_bytes = text.size()});
    return must(from_.store->put_blob(to_json(manifest)));
  }
  Digest index_of(const std::vector<Digest>& images, const std::vector<Digest>& statements = {}) {
    ImageIndex index{.media_type = std::string(media_type::kOciIndex)};
    for (const auto& image : images)
      index.manifests.push_back(must(index_entry(*from_.store, image)));
    for (const auto& digest : statements)
      index.manifests.push_back({.media_type = std::string(media_type::kOciManifest),
                                 .digest = digest,
                                 .size_bytes = must(from_.store->blob_size(digest)),
                                 .platform = Platform{"unknown", "unknown", {}}});
    return must(from_.store->put_blob(to_json(index)));
  }

  RegistrySettings settings_{.first_retry_delay = std::chrono::milliseconds(1)};
  TestRegistry registry_;
  TestStore from_, to_;
  Cancel cancel_;
  NoProgress progress_;
};

TEST_F(IndexTest, GoesWithItsManifestsByDigestAndTheTagLast) {
  const Digest amd64 = make_image(*from_.store, {"a", "shared"}, {"linux", "amd64", {}});
  const Digest arm64 = make_image(*from_.store, {"b", "shared"}, {"linux", "arm64", {}});
  const Digest note = statement(R"({"_type":"https://in-toto.io/Statement/v1"})");
  const Digest index = index_of({amd64, arm64}, {note});
  const auto pushed = client().push(*from_.store, index, name(), cancel_, progress_);
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_EQ(pushed->manifest_digest, index);
  EXPECT_EQ(registry_.manifest("team/app", "1")->text, must(from_.store->read_blob(index, 1U << 20U)));
  EXPECT_EQ(registry_.manifest("team/app", "1")->type, media_type::kOciIndex);
  for (const Digest& part : {amd64, arm64, note})
    EXPECT_TRUE(registry_.manifest("team/app", part.str())) << part.str();
  EXPECT_EQ(registry_.complaints(), std::vector<std::string>());  // it refuses an index whose manifests it lacks
  const auto pulled = client().pull_all(name(), *to_.store, cancel_, progress_);
  ASSERT_TRUE(pulled) << pulled.error().text();
  EXPECT_EQ(pulled->manifest_digest, index);
  EXPECT_FALSE(pulled->was_present);
  for (const Digest& part : {amd64, arm64})
    EXPECT_TRUE(to_.store->config(must(to_.store->manifest(part)))) << part.str();
  EXPECT_EQ(must(index_part(*to_.store, note)), IndexPart::attestation);
  EXPECT_TRUE(must(client().pull_all(name(), *to_.store, cancel_, progress_)).was_present);
  EXPECT_EQ(must(platform_manifest(*to_.store, index, {"linux", "arm64", "v8"})), arm64);
}

TEST_F(IndexTest, AMissingPartSendsNoIndex) {
  const Digest image = make_image(*from_.store, {"a"}, {"linux", "amd64", {}});
  const Digest gone = Digest::of("gone");
  ImageIndex index{.media_type = std::string(media_type::kOciIndex)};
  index.manifests = {must(index_entry(*from_.store, image)),
                     {.media_type = std::string(media_type::kOciManifest), .digest = gone, .size_bytes = 4}};
  const Digest digest = must(from_.store->put_blob(to_json(index)));
  const auto pushed = client().push(*from_.store, digest, name(), cancel_, progress_);
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().text(), fmt::format("blob {} is not in the store", gone.str()));
  EXPECT_FALSE(registry_.manifest("team/app", "1"));
}

TEST_F(IndexTest, AnIndexInAnIndexIsRefused) {
  const Digest inner = index_of({make_image(*from_.store, {"a"})});
  registry_.put_manifest("team/app", inner.str(), std::string(media_type::kOciIndex),
                         must(from_.store->read_blob(inner, 1U << 20U)));
  ImageIndex outer{.media_type = std::string(media_type::kOciIndex)};
  outer.manifests.push_back({.media_type = std::string(media_type::kOciIndex), .digest = inner, .size_bytes = 10});
  registry_.put_manifest("team/app", "1", outer.media_type, to_json(outer));
  const auto pulled = client().pull_all(name(), *to_.store, cancel_, progress_);
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().text(), name().familiar() + ": it has an index in an index, which is not supported");
}

TEST_F(IndexTest, WhatIsCalledAStatementMustBeOne) {
  EXPECT_EQ(must(index_part(*from_.store, statement("{}"))), IndexPart::attestation);
  EXPECT_EQ(must(index_part(*from_.store, make_image(*from_.store, {"a"}))), IndexPart::image);
  EXPECT_EQ(must(index_part(*from_.store, make_image(*from_.store, {}))), IndexPart::image);
  const auto program = index_part(*from_.store, statement("\x7f"
                                                          "ELF"));
  ASSERT_FALSE(program);
  EXPECT_THAT(program.error().text(), HasSubstr("is called application/vnd.in-toto+json, and is not JSON"));
  const Digest image = make_image(*from_.store, {"a"});
  Manifest mixed = must(from_.store->manifest(image));
  mixed.layers.push_back(must(from_.store->manifest(statement("{}"))).layers[0]);
  const auto part = index_part(*from_.store, must(from_.store->put_blob(to_json(mixed))));
  ASSERT_FALSE(part);
  EXPECT_THAT(part.error().text(), HasSubstr("it has statements and layers of a file system in one"));
}

TEST_F(IndexTest, PruneKeepsEveryPlatformOfANamedIndex) {
  const Digest amd64 = make_image(*from_.store, {"a"}, {"linux", "amd64", {}});
  const Digest arm64 = make_image(*from_.store, {"b"}, {"linux", "arm64", {}});
  const Digest index = index_of({amd64, arm64});
  must(from_.store->tag(name(), index));
  must(from_.store->prune(std::chrono::seconds(0), 1));
  for (const Digest& part : {amd64, arm64}) {
    const Manifest manifest = must(from_.store->manifest(part));
    EXPECT_TRUE(from_.store->has_blob(manifest.config.digest));
    EXPECT_TRUE(from_.store->has_blob(manifest.layers[0].digest));
  }
  const auto images = must(from_.store->images());
  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(images[0].config_digest, index);
  EXPECT_GT(images[0].size_bytes, 100U);
}

}  // namespace
}  // namespace scangate
