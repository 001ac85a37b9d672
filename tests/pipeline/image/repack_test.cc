#include "pipeline/image/repack.h"

#include <gmock/gmock.h>

#include "support.h"

namespace scangate {
namespace {

class Repack : public test::StoreTest {
 protected:
  Result<Descriptor> packed(const WrittenLayer& layer, Compression compression, std::optional<int> level = {}) {
    return repack_layer(*store_, layer.diff_id, layer.blob, compression, level, cancel_);
  }
  std::string tar_ = test::raw_tar({{.name = "etc/passwd", .content = std::string(50'000, 'x')}});
  Cancel cancel_;
};

TEST_F(Repack, KeepsTheLayerAndRecordsItsBlob) {
  const WrittenLayer layer = put_layer(tar_);
  for (const auto& [compression, type] :
       {std::pair{Compression::zstd, media_type::kOciLayerZstd}, std::pair{Compression::none, media_type::kOciLayer}}) {
    const auto out = packed(layer, compression);
    ASSERT_TRUE(out) << out.error().text();
    EXPECT_EQ(out->media_type, type);
    EXPECT_NE(out->digest, layer.blob.digest);
    EXPECT_TRUE(*store_->holds_layer(layer.diff_id, out->digest));
    test::RecordingSink sink;
    ASSERT_TRUE(stored_layer(*store_, *out, layer.diff_id)->read(sink));
    EXPECT_THAT(sink.contents, ::testing::ElementsAre(std::string(50'000, 'x')));
    EXPECT_EQ(packed(layer, compression)->digest, out->digest) << "the same again";
  }
}

TEST_F(Repack, LeavesWhatIsSoAlready) {
  const WrittenLayer layer = put_layer(tar_);
  EXPECT_EQ(packed(layer, Compression::gzip)->digest, layer.blob.digest);
  const auto levelled = packed(layer, Compression::gzip, 0);
  ASSERT_TRUE(levelled) << levelled.error().text();
  EXPECT_NE(levelled->digest, layer.blob.digest);
  EXPECT_GT(levelled->size_bytes, 0U);
}

TEST_F(Repack, GivesAndRecordsNothingForABlobOfAnotherLayer) {
  const WrittenLayer layer = put_layer(tar_);
  const WrittenLayer other = put_layer(test::raw_tar({{.name = "other"}}));
  const auto out = repack_layer(*store_, layer.diff_id, other.blob, Compression::zstd, {}, cancel_);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().text(), "layer " + other.blob.digest.str() + " in the store is not the layer " +
                                    layer.diff_id.digest.str() + " (run 'scangate image prune' and build again)");
  const auto honest = repack_layer(*store_, other.diff_id, other.blob, Compression::zstd, {}, cancel_);
  ASSERT_TRUE(honest);
  EXPECT_FALSE(*store_->holds_layer(layer.diff_id, honest->digest));
}

TEST_F(Repack, DoesNotBelieveANoteOfABlobThatNobodyVerified) {
  const WrittenLayer layer = put_layer(tar_);
  const WrittenLayer other = put_layer(test::raw_tar({{.name = "other"}}));
  const std::string key = layer.diff_id.digest.hex() + "/" + std::string(media_type::kOciLayerZstd) + "/";
  ASSERT_TRUE(store_->cache_put("repacked", key, other.blob.digest.str() + " 1"));
  const auto out = packed(layer, Compression::zstd);
  ASSERT_TRUE(out) << out.error().text();
  EXPECT_NE(out->digest, other.blob.digest);
  EXPECT_TRUE(*store_->holds_layer(layer.diff_id, out->digest));
}

TEST_F(Repack, EndsWhenItIsCancelled) {
  const WrittenLayer layer = put_layer(tar_);
  cancel_.cancel();
  EXPECT_FALSE(packed(layer, Compression::zstd));
}

}  // namespace
}  // namespace scangate
