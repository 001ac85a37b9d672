#include "pipeline/attestation/attestation.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/json/json.h"
#include "pipeline/image/image_index.h"

namespace scangate {
namespace {

const Digest kImage = Digest::of("image");

TEST(Statement, NamesTheImageAndHoldsThePredicateAsItIs) {
  const AttestationSubject subject{
      {"pkg:docker/app@1?platform=linux%2Famd64", "pkg:docker/app@2?platform=linux%2Famd64"}, kImage};
  const auto json = parse_json(statement_text(subject, {predicate_type::kSpdx, R"({"b":1,"a":2})"}), "statement");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["_type"], "https://in-toto.io/Statement/v0.1");
  EXPECT_EQ((*json)["predicateType"], "https://spdx.dev/Document");
  ASSERT_EQ((*json)["subject"].size(), 2U);
  EXPECT_EQ((*json)["subject"][1]["name"], "pkg:docker/app@2?platform=linux%2Famd64");
  EXPECT_EQ((*json)["subject"][1]["digest"]["sha256"], kImage.hex());
  EXPECT_NE(statement_text(subject, {predicate_type::kSpdx, R"({"b":1,"a":2})"}).find(R"("predicate":{"b":1,"a":2}})"),
            std::string::npos);
}

TEST(Statement, OfAnImageWithoutANameHasASubjectAllTheSame) {
  const auto json = parse_json(statement_text({{}, kImage}, {predicate_type::kProvenanceV1, "{}"}), "statement");
  EXPECT_EQ((*json)["_type"], "https://in-toto.io/Statement/v1");
  EXPECT_EQ((*json)["subject"][0]["name"], "_");
}

class PutAttestations : public testing::Test {
 protected:
  TempDir folder_ = std::move(*TempDir::make(std::filesystem::temp_directory_path(), "scangate-attestation-"));
  std::shared_ptr<Store> store_ = *Store::open(folder_.path());
};

TEST_F(PutAttestations, MakesWhatAPushTakesForStatements) {
  const auto entry =
      put_attestations(*store_, {{}, kImage}, {{predicate_type::kSpdx, "{}"}, {predicate_type::kProvenanceV02, "{}"}});
  ASSERT_TRUE(entry) << entry.error().text();
  EXPECT_EQ(entry->platform->str(), "unknown/unknown");
  EXPECT_EQ(entry->annotations,
            (std::map<std::string, std::string>{{"vnd.docker.reference.digest", kImage.str()},
                                                {"vnd.docker.reference.type", "attestation-manifest"}}));
  EXPECT_EQ(*index_part(*store_, entry->digest), IndexPart::attestation);
  const auto manifest = store_->manifest(entry->digest);
  ASSERT_TRUE(manifest);
  ASSERT_EQ(manifest->layers.size(), 2U);
  EXPECT_EQ(manifest->layers[0].annotations.at("in-toto.io/predicate-type"), "https://spdx.dev/Document");
  EXPECT_EQ(manifest->layers[1].media_type, "application/vnd.in-toto+json");
  EXPECT_EQ(store_->config(*manifest)->platform.str(), "unknown/unknown");
}

TEST_F(PutAttestations, TheSameInputGivesTheSameManifest) {
  const std::vector<Attestation> attestations = {{predicate_type::kSpdx, "{}"}};
  EXPECT_EQ(put_attestations(*store_, {{}, kImage}, attestations)->digest,
            put_attestations(*store_, {{}, kImage}, attestations)->digest);
}

TEST_F(PutAttestations, AStatementThatNoPushWouldTakeIsNotMade) {
  const std::string large = "\"" + std::string(kMaxStatementBytes, 'x') + "\"";
  const auto entry = put_attestations(*store_, {{}, kImage}, {{predicate_type::kSpdx, large}});
  ASSERT_FALSE(entry);
  EXPECT_EQ(
      entry.error().text(),
      "the statement https://spdx.dev/Document about the image has 67.1 MB, more than 67.1 MB (build without it)");
}

TEST_F(PutAttestations, OutputsWithoutAnIndexGetTheStatementsAsFiles) {
  const auto image = [&](const std::string& architecture) {
    ImageConfig config;
    config.platform = {.os = "linux", .architecture = architecture};
    const std::string text = to_json(config);
    Manifest manifest{.media_type = std::string(media_type::kOciManifest)};
    manifest.config = {.media_type = std::string(media_type::kOciConfig),
                       .digest = *store_->put_blob(text),
                       .size_bytes = text.size()};
    return *store_->put_blob(to_json(manifest));
  };
  const Digest one = image("amd64");
  EXPECT_EQ(attested_image(*store_, one)->manifest_digest, one);
  ImageIndex index{.media_type = std::string(media_type::kOciIndex)};
  index.manifests.push_back(*index_entry(*store_, one));
  index.manifests.push_back(
      *put_attestations(*store_, {{}, one}, {{predicate_type::kSpdx, "{}"}, {predicate_type::kProvenanceV1, "{}"}}));
  const auto attested = attested_image(*store_, *store_->put_blob(to_json(index)));
  ASSERT_TRUE(attested) << attested.error().text();
  EXPECT_EQ(attested->manifest_digest, one);
  ASSERT_EQ(attested->files.size(), 2U);
  EXPECT_EQ(attested->files[0].name, "sbom.spdx.json");
  EXPECT_EQ(attested->files[1].name, "provenance.json");
  EXPECT_EQ(attested->files[1].text, statement_text({{}, one}, {predicate_type::kProvenanceV1, "{}"}));
  index.manifests.push_back(*index_entry(*store_, image("arm64")));
  EXPECT_EQ(attested_image(*store_, *store_->put_blob(to_json(index))).error().text(),
            "the files of 2 images cannot go to one place (build for one platform)");
}

}  // namespace
}  // namespace scangate
