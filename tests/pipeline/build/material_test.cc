// What a build says it took from elsewhere.
#include "pipeline/build/material.h"

#include "tests/pipeline/build/build_fixture.h"

namespace scangate {
namespace {

class Materials : public BuildFixture {
 protected:
  // An image of one file, tagged.
  Digest image(const std::string& name) {
    write("file", name);
    const BuiltImage image = built("FROM scratch\nCOPY file /\n");
    EXPECT_TRUE(store_->tag(*Reference::parse(name), image.manifest_digest));
    return image.manifest_digest;
  }
  static std::string named(const std::string& name, const Digest& digest) {
    return fmt::format("{} sha256:{}", image_purl(*Reference::parse(name), Platform::host()), digest.hex());
  }
  static std::vector<std::string> of(const BuiltImage& image) {
    std::vector<std::string> out;
    for (const auto& each : image.materials)
      out.push_back(fmt::format("{} {}:{}", each.uri, each.algorithm, each.digest));
    return out;
  }
};

TEST_F(Materials, AreTheImagesOfNeededStages) {
  const std::string dockerfile =
      "FROM local/unused:1 AS unused\nFROM local/tools:1 AS tools\nFROM local/base:1\n"
      "COPY --from=tools /file /tool\nCOPY --from=local/other:1 /file /other\n";
  const Digest base = image("local/base:1");
  const Digest other = image("local/other:1");
  const Digest tools = image("local/tools:1");
  const BuiltImage image = built(dockerfile);
  const std::vector<std::string> all = {named("local/base:1", base), named("local/other:1", other),
                                        named("local/tools:1", tools)};
  EXPECT_EQ(of(image), all);
  EXPECT_EQ(of(built(dockerfile)), all) << "also where every step is cached";
  EXPECT_EQ(image.dockerfile_text, dockerfile);
}

TEST_F(Materials, BeginWithWhereTheContextIsFrom) {
  request_.context_material = BuildMaterial{"https://git.example/app.git#main", "sha1", std::string(40, 'a')};
  EXPECT_EQ(of(built("FROM scratch\n")),
            std::vector<std::string>{"https://git.example/app.git#main sha1:" + std::string(40, 'a')});
}

TEST_F(Materials, OfABuildFromItsOwnFilesAreNone) {
  write("f", "x");
  EXPECT_TRUE(built("FROM scratch\nCOPY f /\n").materials.empty());
}

}  // namespace
}  // namespace scangate
