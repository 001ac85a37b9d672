// In which form the finished image is written, and its files as one tar.
#include "build_fixture.h"
#include "pipeline/build/flatten.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

class FormOfImage : public BuildFixture {
 protected:
  Manifest manifest(const BuiltImage& image) { return *store_->manifest(image.manifest_digest); }
};

constexpr const char* kFile = "FROM scratch\nCOPY a /a\n";

TEST_F(FormOfImage, ChangesBlobsAndNothingThatIsScanned) {
  write("a", "text");
  const BuiltImage gzip = built(kFile);
  request_.form.compression = Compression::zstd;
  const BuiltImage zstd = built(kFile);
  EXPECT_EQ(config(zstd).diff_ids, config(gzip).diff_ids);
  EXPECT_EQ(zstd.cached_steps, zstd.steps);
  ASSERT_THAT(manifest(zstd).layers, SizeIs(1));
  EXPECT_EQ(manifest(zstd).layers[0].media_type, media_type::kOciLayerZstd);
  EXPECT_TRUE(*store_->holds_layer(config(zstd).diff_ids[0], manifest(zstd).layers[0].digest));
  EXPECT_EQ(files(zstd).at("a").text, "text");
  EXPECT_EQ(built(kFile).manifest_digest, zstd.manifest_digest);
  request_.form = {};
  EXPECT_EQ(built(kFile).manifest_digest, gzip.manifest_digest) << "the step's own blob serves again";
}

TEST_F(FormOfImage, OfTheBaseIsLeftUnlessForced) {
  write("a", "text");
  const BuiltImage base = built(kFile);
  ASSERT_TRUE(store_->tag(*Reference::parse("base"), base.manifest_digest));
  request_.form.compression = Compression::none;
  const std::string file = "FROM base\nCOPY a /b\n";
  const Manifest kept = manifest(built(file));
  EXPECT_EQ(kept.layers[0].digest, manifest(base).layers[0].digest);
  EXPECT_EQ(kept.layers[1].media_type, media_type::kOciLayer);
  request_.form.force = true;
  EXPECT_EQ(manifest(built(file)).layers[0].media_type, media_type::kOciLayer);
}

TEST_F(FormOfImage, HoldsAnnotations) {
  write("a", "text");
  request_.form.annotations = {{"org.x", "1"}};
  const BuiltImage image = built("FROM scratch\nCOPY a /a\nHEALTHCHECK CMD y\n");
  EXPECT_THAT(manifest(image).annotations, ElementsAre(Pair("org.x", "1")));
  EXPECT_EQ(manifest(image).media_type, media_type::kOciManifest);
  EXPECT_THAT(config(image).healthcheck->test, ElementsAre("CMD-SHELL", "y"));
}

TEST_F(FormOfImage, CanBeDockersWhenItFits) {
  write("a", "text");
  request_.form.types = ImageForm::Types::docker;
  EXPECT_EQ(manifest(built(kFile)).media_type, media_type::kDockerManifest);
  request_.form.annotations = {{"org.x", "1"}};
  EXPECT_EQ(refusal(kFile),
            "Docker's manifest has no annotations, and layers in gzip only (leave out oci-mediatypes=false)");
}

TEST_F(FormOfImage, IsNotThatOfItsBuildCache) {
  write("a", "text");
  request_.form.compression = Compression::zstd;
  request_.cache_to.emplace_back();
  const BuiltImage image = built(kFile);
  ASSERT_THAT(image.cache, SizeIs(1));
  const auto& cache = image.cache[0];
  ASSERT_TRUE(cache.manifest_digest);
  const Manifest judged = *store_->manifest(*cache.manifest_digest);
  EXPECT_EQ(judged.layers[0].digest, cache.records.at(0).blob->digest) << "what is judged is what is sent";
  EXPECT_EQ(store_->config(judged)->diff_ids, config(image).diff_ids);
}

TEST_F(FormOfImage, AsOneTarIsWhatAContainerWouldSee) {
  write("a", "first");
  write("b", "second");
  const BuiltImage image = built("FROM scratch\nCOPY a b /d/\nCOPY b /d/a\n");
  const auto tar =
      flatten_image(*store_, *snapshots_, image.manifest_digest, {{"sbom.json", "{}"}}, cancel_, progress_);
  ASSERT_TRUE(tar) << tar.error().text();
  EXPECT_EQ(tar->blob.media_type, media_type::kOciLayer);
  Manifest one;
  one.layers = {tar->blob};
  ImageConfig about;
  about.diff_ids = {tar->diff_id};
  const SeenLayer seen = read_layer(*store_, one, about, 0);
  EXPECT_THAT(paths(seen), ElementsAre("d", "d/a", "d/b", "sbom.json"));
  EXPECT_EQ(seen.at("d/a").text, "second");
  EXPECT_EQ(seen.at("sbom.json").text, "{}");
}

}  // namespace
}  // namespace scangate
