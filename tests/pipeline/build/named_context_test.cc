// `--build-context`: what a name stands for in FROM, --from= and from=.
#include "build_fixture.h"

namespace scangate {
namespace {

using ::testing::ElementsAre;

class NamedContexts : public BuildFixture {
 protected:
  // A folder beside the context, with one file.
  void add_folder(const std::string& name, const std::string& file, std::string_view text) {
    const auto folder = folder_->path() / name;
    std::filesystem::create_directories((folder / file).parent_path());
    ASSERT_TRUE(write_file_atomic(folder / file, as_bytes(text)));
    for (const auto& known : request_.named_contexts)
      if (known.name == name) return;
    request_.named_contexts.push_back({.name = name, .folder = folder});
  }
  // An image of one file in the store.
  void add_image(const std::string& name, const std::string& file) {
    write(file, file);
    const auto image = built("FROM scratch\nENV OF=" + file + "\nCOPY " + file + " /\n");
    ASSERT_TRUE(store_->tag(*Reference::parse(name), image.manifest_digest));
    remove(file);
  }
  std::vector<std::string> all(const BuiltImage& image) { return paths(files(image)); }
};

TEST_F(NamedContexts, AFolderIsASourceOfCopies) {
  add_folder("assets", "img/logo", "png");
  add_folder("assets", "notes.md", "text");
  add_folder("assets", ".dockerignore", "*.md\n.dockerignore\n");
  write(".dockerignore", "img\n");  // the build's own, which does not hold there
  const auto image = built("FROM scratch\nCOPY --from=assets . /a/\n");
  EXPECT_THAT(all(image), ElementsAre("a", "a/img", "a/img/logo"));
  // As with the build's own context, files belong to root whoever has them here.
  EXPECT_EQ(layer(image, 0).at("a/img/logo").entry.uid, 0U);
  EXPECT_EQ(refusal("FROM scratch\nCOPY --from=assets notes.md /\n"),
            "Dockerfile:2:20: 'notes.md' is not in the context 'assets' (the ignore rule '*.md' hides it)");
}

TEST_F(NamedContexts, CopiesAreCachedByContent) {
  add_folder("src", "file", "one");
  const auto first = built("FROM scratch\nCOPY --from=src file /\n");
  EXPECT_EQ(built("FROM scratch\nCOPY --from=src file /\n").cached_steps, 1U);
  add_folder("src", "file", "two");
  const auto second = built("FROM scratch\nCOPY --from=src file /\n");
  EXPECT_EQ(second.cached_steps, 0U);
  EXPECT_NE(second.manifest_digest, first.manifest_digest);
}

TEST_F(NamedContexts, AFolderIsABase) {
  add_folder("root", "etc/os-release", "ID=x\n");
  const auto image = built("FROM root\nENV A=b\n");
  EXPECT_THAT(all(image), ElementsAre("etc", "etc/os-release"));
  ASSERT_EQ(image.facts.layers.size(), 1U);
  ASSERT_TRUE(image.facts.layers[0].place);
  EXPECT_EQ(image.facts.layers[0].place->line, 1);
  EXPECT_FALSE(image.facts.layers[0].is_base);
  EXPECT_TRUE(*store_->cache_get("inventory", inventory_key(image.facts.layers[0].diff_id)));
  EXPECT_EQ(built("FROM root\nENV A=b\n").manifest_digest, image.manifest_digest);
}

TEST_F(NamedContexts, AnImageStandsForAnotherHoweverItIsWritten) {
  add_image("real:1", "of-real");
  request_.named_contexts.push_back({.name = "alpine", .image = "docker.io/library/real:1"});
  for (const char* name : {"alpine", "alpine:latest", "docker.io/library/alpine", "index.docker.io/library/alpine"})
    EXPECT_THAT(all(built(fmt::format("FROM {}\n", name))), ElementsAre("of-real")) << name;
  EXPECT_THAT(all(built("FROM scratch\nCOPY --from=alpine /of-real /x\n")), ElementsAre("x"));
  EXPECT_EQ(refusal("FROM alpine:3.20\n"), "Dockerfile:1:6: the base image alpine:3.20 is not in the store");
}

TEST_F(NamedContexts, AnImageByDigestNeedsNoName) {
  add_image("real:1", "of-real");
  const auto digest = store_->find(*Reference::parse("real:1"));
  ASSERT_TRUE(digest && *digest);
  request_.named_contexts.push_back({.name = "base", .image = "base", .manifest_digest = **digest});
  ASSERT_TRUE(store_->untag(*Reference::parse("real:1")));
  EXPECT_THAT(config(built("FROM base\n")).environment, ::testing::Contains("OF=of-real"));
  EXPECT_THAT(all(built("FROM scratch\nCOPY --from=base /of-real /x\n")), ElementsAre("x"));
}

TEST_F(NamedContexts, AContextStandsForAStageOfItsName) {
  add_folder("build", "out", "made elsewhere");
  const std::string file = "FROM missing AS build\nRUN make\nFROM scratch\nCOPY --from=build /out /\n";
  const auto image = built(file);
  EXPECT_THAT(all(image), ElementsAre("out"));
  EXPECT_EQ(files(image).at("out").text, "made elsewhere");
  request_.target = "build";
  EXPECT_THAT(all(built(file)), ElementsAre("out"));
}

TEST_F(NamedContexts, NamesAreGivenOnce) {
  add_folder("a", "x", "");
  request_.named_contexts.push_back(request_.named_contexts.front());
  EXPECT_EQ(refusal("FROM scratch\nCOPY --from=a x /\n"), "the context 'a' is given twice");
}

TEST(ContextName, IsOneForAllWaysToWriteAnImage) {
  const std::pair<const char*, const char*> cases[] = {
      {"alpine", "alpine"},     {"alpine:latest", "alpine"},        {"docker.io/library/alpine:latest", "alpine"},
      {"alpine:3", "alpine:3"}, {"docker.io/me/app:1", "me/app:1"}, {"quay.io/a/b:latest", "quay.io/a/b"},
      {"my-src_1", "my-src_1"},
  };
  for (const auto& [written, name] : cases)
    EXPECT_EQ(context_name(written).value(), name) << written;
  EXPECT_FALSE(context_name("Upper"));
  EXPECT_FALSE(context_name(""));
}

class MountedContexts : public RunFixture {};

TEST_F(MountedContexts, ARunMountsThem) {
  const auto folder = folder_->path() / "tools";
  std::filesystem::create_directories(folder);
  ASSERT_TRUE(write_file_atomic(folder / "word", as_bytes("hello")));
  request_.named_contexts.push_back({.name = "tools", .folder = folder});
  const std::string file = "FROM base\nRUN --mount=type=bind,from=tools,target=/t cat /t/word > /word\n";
  const auto image = built(file);
  EXPECT_EQ(files(image).at("word").text, "hello");
  ASSERT_TRUE(write_file_atomic(folder / "word", as_bytes("other")));
  EXPECT_EQ(files(built(file)).at("word").text, "other");
}

}  // namespace
}  // namespace scangate
