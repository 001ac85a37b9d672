// Lists of images of several platforms by hand, as docker, buildah and docker buildx imagetools make them.
#include "executor/gate/manifest_front.h"

#include "executor/gate/image_lists.h"
#include "executor/gate/imagetools_front.h"
#include "tests/executor/gate/gate_fixture.h"

namespace scangate {
namespace {

using command::ImagetoolsRequest;
using command::ManifestRequest;
using Verb = ManifestRequest::Verb;

class ManifestTest : public test::GateFixture {
 protected:
  static constexpr auto kBuildah = ManifestRequest::Program::buildah;
  Answer serve(ManifestRequest asked) {
    return command([&](ImageCommands& images, GateCall& call) { return serve_manifest(images, call, asked); });
  }
  Answer serve(ImagetoolsRequest asked) {
    return command([&](ImageCommands& images, GateCall& call) { return serve_imagetools(images, call, asked); });
  }
  // "linux/amd64 linux/arm64", as the list in the store has them.
  std::string platforms(const std::string& name) {
    std::string out;
    for (const auto& entry : list(name).manifests)
      out += (out.empty() ? "" : " ") + (entry.platform ? entry.platform->str() : "none");
    return out;
  }
  ImageIndex list(const std::string& name) {
    const auto digest = store().find(*Reference::parse(name));
    EXPECT_TRUE(digest && *digest) << name;
    auto index = stored_index(store(), **digest);
    EXPECT_TRUE(index && *index) << name;
    return std::move(**index);
  }
  // Into the registry, with what it needs.
  Digest publish(const std::string& repository, const std::string& tag, const std::string& architecture) {
    const Digest digest = image("", architecture);
    const std::string text = *store().read_blob(digest, 1U << 20U);
    registry_.put_blob(repository, *store().read_blob(store().manifest(digest)->config.digest, 1U << 20U));
    registry_.put_manifest(repository, tag, std::string(media_type::kOciManifest), text);
    return digest;
  }
};

TEST_F(ManifestTest, AListTakesImagesOfTheStoreByName) {
  image("local/app:amd64", "amd64");
  image("local/app:arm64", "arm64");
  const Answer made =
      serve(ManifestRequest{.verb = Verb::create, .program = kBuildah, .list = "list", .images = {"local/app:amd64"}});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(
      serve(ManifestRequest{.verb = Verb::add, .program = kBuildah, .list = "list", .images = {"local/app:arm64"}})
          .code,
      0);
  EXPECT_EQ(platforms("list"), "linux/amd64 linux/arm64");
  EXPECT_EQ(made.out.size(), 65U);
}

TEST_F(ManifestTest, AnImageJoinsOnce) {
  image("local/app:1", "amd64");
  for (int i = 0; i < 2; ++i)
    serve(ManifestRequest{
        .verb = Verb::create, .program = kBuildah, .list = "list", .images = {"local/app:1"}, .amend = true});
  EXPECT_EQ(platforms("list"), "linux/amd64");
}

TEST_F(ManifestTest, AListIsDockersWhereAllInItIs) {
  image("local/a:1", "amd64", media_type::kDockerManifest);
  image("local/b:1", "arm64");
  serve(ManifestRequest{.verb = Verb::create, .program = kBuildah, .list = "list", .images = {"local/a:1"}});
  EXPECT_EQ(list("list").media_type, media_type::kDockerList);
  serve(ManifestRequest{.verb = Verb::add, .program = kBuildah, .list = "list", .images = {"local/b:1"}});
  EXPECT_EQ(list("list").media_type, media_type::kOciIndex);
}

TEST_F(ManifestTest, WhatAnnotateSaysStandsInTheEntry) {
  const Digest one = image("local/app:1", "arm64");
  serve(ManifestRequest{.verb = Verb::create, .program = kBuildah, .list = "list", .images = {"local/app:1"}});
  const ManifestRequest asked{.verb = Verb::annotate,
                              .program = kBuildah,
                              .list = "list",
                              .images = {one.str()},
                              .variant = "v8",
                              .annotations = {{"team", "a"}}};
  EXPECT_EQ(serve(asked).code, 0);
  EXPECT_EQ(platforms("list"), "linux/arm64/v8");
  EXPECT_EQ(list("list").manifests.front().annotations.at("team"), "a");
}

TEST_F(ManifestTest, ImagesAndListsAreTakenAway) {
  const Digest one = image("local/app:1", "amd64");
  serve(ManifestRequest{.verb = Verb::create, .program = kBuildah, .list = "list", .images = {"local/app:1"}});
  EXPECT_EQ(
      serve(ManifestRequest{.verb = Verb::remove_images, .program = kBuildah, .list = "list", .images = {one.str()}})
          .code,
      0);
  EXPECT_EQ(platforms("list"), "");
  EXPECT_EQ(serve(ManifestRequest{.verb = Verb::exists, .program = kBuildah, .list = "list"}).code, 0);
  EXPECT_EQ(serve(ManifestRequest{.verb = Verb::remove_list, .program = kBuildah, .images = {"list"}}).out,
            "list:latest\n");
  EXPECT_EQ(serve(ManifestRequest{.verb = Verb::exists, .program = kBuildah, .list = "list"}).code, 1);
}

TEST_F(ManifestTest, AnImageIsNoList) {
  image("local/app:1", "amd64");
  const Answer answer =
      serve(ManifestRequest{.verb = Verb::add, .program = kBuildah, .list = "local/app:1", .images = {"local/app:1"}});
  EXPECT_EQ(answer.code, 1);
  EXPECT_EQ(answer.err, "ERROR: no such manifest list: local/app:1 (make one with manifest create)\n");
}

TEST_F(ManifestTest, AListIsNotReplacedUnasked) {
  image("local/app:1", "amd64");
  const ManifestRequest create{.verb = Verb::create, .program = kBuildah, .list = "list", .images = {"local/app:1"}};
  serve(create);
  const Answer again = serve(create);
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(again.err, "ERROR: the list list:latest is there already (use --amend, or manifest rm)\n");
}

TEST_F(ManifestTest, TheDigestToAnnotateMustBeInTheList) {
  image("local/app:1", "amd64");
  const Digest other = image("local/app:2", "arm64");
  serve(ManifestRequest{.verb = Verb::create, .program = kBuildah, .list = "list", .images = {"local/app:1"}});
  const Answer answer =
      serve(ManifestRequest{.verb = Verb::annotate, .program = kBuildah, .list = "list", .images = {other.str()}});
  EXPECT_EQ(answer.err, "ERROR: manifest for image " + other.str() + " does not exist in list\n");
}

TEST_F(ManifestTest, DockerTakesWhatTheRegistryHas) {
  const std::string name = registry_.host() + "/group/app";
  const Digest one = publish("group/app", "amd64", "amd64");
  const Answer made = serve(ManifestRequest{.verb = Verb::create, .list = name + ":1", .images = {name + ":amd64"}});
  EXPECT_EQ(made.out, "Created manifest list " + name + ":1\n") << made.err;
  EXPECT_EQ(list(name + ":1").manifests.front().digest, one);
  const Answer shown = serve(ManifestRequest{.verb = Verb::inspect, .list = name + ":1"});
  EXPECT_THAT(shown.out, testing::HasSubstr("\"architecture\": \"amd64\""));
  const Answer verbose = serve(ManifestRequest{.verb = Verb::inspect, .list = name + ":amd64", .verbose = true});
  EXPECT_THAT(verbose.out, testing::HasSubstr("\"OCIManifest\": {"));
}

TEST_F(ManifestTest, APushOfAListThatCannotBeJudgedSendsNothing) {
  const std::string name = registry_.host() + "/group/app";
  image("local/app:amd64", "amd64");
  image("local/app:arm64", "arm64");
  serve(ManifestRequest{.verb = Verb::create,
                        .program = kBuildah,
                        .list = name + ":1",
                        .images = {"local/app:amd64", "local/app:arm64"}});
  const Answer pushed = serve(ManifestRequest{.verb = Verb::push, .program = kBuildah, .list = name + ":1"});
  EXPECT_EQ(pushed.code, 4) << pushed.err;
  EXPECT_EQ(images_->worst(), ExitCode::undecided);
  EXPECT_EQ(images_->results().size(), 2U);
  EXPECT_EQ(registry_.count("POST", "") + registry_.count("PUT", ""), 0);
}

TEST_F(ManifestTest, ImagetoolsJudgeBeforeTheyPush) {
  const std::string name = registry_.host() + "/group/app";
  for (const char* architecture : {"amd64", "arm64"})
    publish("group/app", architecture, architecture);
  ImagetoolsRequest asked{.tags = {name + ":1"}, .sources = {name + ":amd64", name + ":arm64"}};
  EXPECT_EQ(serve(asked).code, 4);
  EXPECT_EQ(registry_.count("PUT", ""), 0);
  asked.dry_run = true;
  const Answer dry = serve(asked);
  EXPECT_EQ(dry.code, 0);
  EXPECT_THAT(dry.out, testing::HasSubstr("\"architecture\": \"arm64\""));
}

TEST_F(ManifestTest, ImagetoolsShowWhatTheRegistryHas) {
  const std::string name = registry_.host() + "/group/app:1";
  const Digest digest = publish("group/app", "1", "amd64");
  EXPECT_EQ(serve(ImagetoolsRequest{.inspect = true, .sources = {name}}).out,
            fmt::format("Name:      {}\nMediaType: {}\nDigest:    {}\n", name, media_type::kOciManifest, digest.str()));
  EXPECT_EQ(serve(ImagetoolsRequest{.inspect = true, .sources = {name}, .format = "{{.Manifest.Digest}}"}).out,
            digest.str() + "\n");
  EXPECT_EQ(serve(ImagetoolsRequest{.inspect = true, .sources = {name}, .raw = true}).out,
            *store().read_blob(digest, 1U << 20U));
}

TEST(ImageLists, AnEntryTakesThePlaceOfItsLike) {
  ImageIndex index;
  put_entry(index, {.media_type = "a", .digest = Digest::of("x")});
  put_entry(index, {.media_type = "b", .digest = Digest::of("y")});
  put_entry(index, {.media_type = "c", .digest = Digest::of("x")});
  ASSERT_EQ(index.manifests.size(), 2U);
  EXPECT_EQ(index.manifests[0].media_type, "c");
}

TEST(ImageLists, AnEmptyListIsOcis) {
  ImageIndex index;
  set_list_type(index);
  EXPECT_EQ(index.media_type, media_type::kOciIndex);
}

TEST_F(ManifestTest, AListHasSoManyEntries) {
  ImageIndex index;
  for (std::size_t i = 0; i < kMaxIndexEntries; ++i)
    index.manifests.push_back(
        {.media_type = std::string(media_type::kOciManifest), .digest = Digest::of(std::to_string(i))});
  command([&](ImageCommands& images, GateCall& call) {
    ImageLists lists(images, call);
    EXPECT_TRUE(lists.put(index));
    index.manifests.push_back(index.manifests.front());
    EXPECT_EQ(lists.put(index).error().text(), "a list of more than 1000 images");
    return 0;
  });
}

TEST(ImagetoolsAnnotations, GoWhereTheirKindSays) {
  ImageIndex index{.manifests = {Descriptor{.media_type = "a"}, Descriptor{.media_type = "b"}}};
  EXPECT_TRUE(annotate_index(index, {"index:a=1=2", "manifest-descriptor:b=3"}));
  EXPECT_EQ(index.annotations.at("a"), "1=2");
  EXPECT_EQ(index.manifests[1].annotations.at("b"), "3");
}

TEST(ImagetoolsAnnotations, AreRefusedWhereTheImageWouldChange) {
  ImageIndex index;
  EXPECT_EQ(annotate_index(index, {"a=1"}).error().text(),
            "--annotation of 'manifest' is not served (index: and manifest-descriptor: are; images leave as they were "
            "scanned)");
  EXPECT_EQ(annotate_index(index, {"index:a"}).error().text(), "--annotation 'index:a' is not KIND:NAME=VALUE");
  EXPECT_EQ(annotate_index(index, {"index:=a"}).error().text(), "--annotation 'index:=a' is not KIND:NAME=VALUE");
}

}  // namespace
}  // namespace scangate
