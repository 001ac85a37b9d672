// Steps that one host left for others: two stores, and a folder or registry between them.
#include "build_fixture.h"
#include "pipeline/build/cache_folder.h"
#include "pipeline/build/cache_image.h"
#include "pipeline/image/transfer.h"
#include "tests/support/test_registry.h"

namespace scangate {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

std::set<Digest> all_layers(const std::vector<StageCache>& stages) {
  std::set<Digest> out;
  for (const StageCache& stage : stages)
    for (const CacheRecord& each : stage.records)
      if (each.blob) out.insert(each.blob->digest);
  return out;
}

template <class Fixture>
class SharedCacheFixture : public Fixture {
 protected:
  std::filesystem::path cache() const { return this->folder_->path() / "cache"; }

  // Builds as the first host does, and leaves the cache in the folder.
  BuiltImage built_and_sent(std::string_view dockerfile, CacheMode mode) {
    this->request_.cache_to = {{.place = {.folder = cache()}, .mode = mode}};
    const BuiltImage image = this->built(dockerfile);
    send(image.cache, mode);
    this->request_.cache_to.clear();
    return image;
  }
  void send(const std::vector<StageCache>& stages, CacheMode mode) {
    std::filesystem::create_directories(cache());
    const auto written = write_cache_image(*this->store_, stages, mode, all_layers(stages));
    ASSERT_TRUE(written) << written.error().text();
    const auto folder = build::CacheFolder::open(cache());
    ASSERT_TRUE(folder);
    const auto put = folder->put(*this->store_, written->manifest_digest, "", this->cancel_);
    ASSERT_TRUE(put) << put.error().text();
  }
  // From here on it is another host, which has nothing but the base image.
  void go_to_second_host() {
    const auto layout = "oci:" + (this->folder_->path() / "base-layout").string();
    const auto base = this->store_->find(*Reference::parse("base"));
    if (base && *base) {
      ASSERT_TRUE(export_image(*this->store_, **base, "base", layout, this->cancel_, this->progress_));
    }
    auto store = Store::open(this->folder_->path() / "second");
    ASSERT_TRUE(store) << store.error().text();
    this->store_ = *store;
    auto snapshots = Snapshots::probe(this->store_);
    ASSERT_TRUE(snapshots);
    this->snapshots_.emplace(std::move(*snapshots));
    if (base && *base) {
      const auto imported = import_image(*this->store_, layout, Platform::host(), this->cancel_, this->progress_);
      ASSERT_TRUE(imported) << imported.error().text();
      ASSERT_TRUE(this->store_->tag(*Reference::parse("base"), imported->manifest_digest));
    }
    this->request_.cache_from = {{.folder = cache(), .shown = "the folder"}};
    this->progress_.lines.clear();
  }
};

class SharedCacheTest : public SharedCacheFixture<BuildFixture> {};
class SharedRunCacheTest : public SharedCacheFixture<RunFixture> {};

constexpr std::string_view kCopies = "FROM scratch\nCOPY a /a\nWORKDIR /w\nCOPY b .\n";

TEST_F(SharedCacheTest, SecondHostTakesEveryStepAndMakesTheSameImage) {
  write("a", "1");
  write("b", "2");
  request_.cache_namespace = "one project";
  const auto first = built_and_sent(kCopies, CacheMode::min);
  EXPECT_EQ(first.cached_steps, 0U);
  go_to_second_host();
  request_.cache_namespace = "as the other host calls it";
  const auto second = built(kCopies);
  EXPECT_EQ(second.cached_steps, second.steps);
  EXPECT_EQ(second.manifest_digest, first.manifest_digest);
  EXPECT_EQ(files(second).at("w/b").text, "2");
  // Its inventories came with the layers.
  for (const DiffId& each : config(second).diff_ids)
    EXPECT_TRUE(store_->cache_get("inventory", inventory_key(each))->has_value());
  // What was taken is the host's own from now on.
  request_.cache_from.clear();
  EXPECT_EQ(built(kCopies).cached_steps, second.steps);
}

TEST_F(SharedCacheTest, ChangedFilesAreCopiedAnew) {
  write("a", "1");
  write("b", "2");
  built_and_sent(kCopies, CacheMode::min);
  go_to_second_host();
  write("b", "3");
  const auto second = built(kCopies);
  EXPECT_EQ(second.cached_steps, 2U);
  EXPECT_EQ(files(second).at("w/b").text, "3");
}

TEST_F(SharedCacheTest, DamagedLayerIsLeftAside) {
  write("a", "1");
  write("b", "2");
  const auto first = built_and_sent(kCopies, CacheMode::min);
  const auto manifest = store_->manifest(first.manifest_digest);
  ASSERT_TRUE(manifest);
  const auto path = cache() / "blobs/sha256" / manifest->layers[0].digest.hex();
  std::string text = *read_file(path, 1U << 20U);
  text[text.size() / 2] = static_cast<char>(~text[text.size() / 2]);
  ASSERT_TRUE(write_file_atomic(path, as_bytes(text)));
  go_to_second_host();
  const auto second = built(kCopies);
  EXPECT_EQ(files(second).at("a").text, "1");
  EXPECT_EQ(files(second).at("w/b").text, "2");
  EXPECT_THAT(progress_.lines, Contains("beginning anew without them"));
}

// Somebody else's layer under the name of the right one: it is not taken for what it says it is.
TEST_F(SharedCacheTest, LayerWithAnotherDiffIdIsLeftAside) {
  write("a", "1");
  write("b", "2");
  request_.cache_to = {{.place = {.folder = cache()}}};
  auto first = built(kCopies);
  std::vector<CacheRecord>& records = first.cache.front().records;
  const CacheRecord last = records.back();
  records.front().blob = last.blob;
  send(first.cache, CacheMode::min);
  request_.cache_to.clear();
  go_to_second_host();
  const auto second = built(kCopies);
  EXPECT_EQ(files(second).at("a").text, "1");
  EXPECT_THAT(progress_.lines, Contains(HasSubstr("its diffID is " + last.diff_id.digest.str())));
}

TEST_F(SharedCacheTest, ForeignCachesArePassedOver) {
  write("a", "1");
  write("b", "2");
  struct Case {
    std::string type, config, told;
  };
  const Case cases[] = {
      {std::string(kBuildkitCacheType), "{}", "it was made by BuildKit, whose steps are not ours"},
      {std::string(media_type::kOciConfig), R"({"architecture":"amd64","os":"linux","rootfs":{"diff_ids":[]}})",
       "it is an image that holds no build cache of scangate (build it with --cache-to type=inline, or send a cache "
       "with "
       "type=registry)"},
      {"application/x-else", "{}", "it is neither a build cache nor an image, but 'application/x-else'"},
      {std::string(kCacheConfigType), R"({"version":2})", "the folder: the list of steps has a version other than 1"},
      {std::string(kCacheConfigType), "[]", "the folder: the list of steps is no JSON object"},
  };
  for (const Case& each : cases) {
    std::filesystem::remove_all(cache());
    std::filesystem::create_directories(cache());
    Manifest manifest;
    manifest.media_type = media_type::kOciManifest;
    manifest.config = {
        .media_type = each.type, .digest = *store_->put_blob(each.config), .size_bytes = each.config.size()};
    const Digest digest = *store_->put_blob(to_json(manifest));
    ASSERT_TRUE(build::CacheFolder::open(cache())->put(*store_, digest, "", cancel_));
    request_.cache_from = {{.folder = cache(), .shown = "the folder"}};
    request_.no_cache = false;
    request_.cache_namespace = each.told;  // nothing of the last round is cached
    progress_.lines.clear();
    built(kCopies);
    EXPECT_THAT(progress_.lines, Contains("the build goes on without the build cache the folder: " + each.told));
  }
}

TEST_F(SharedCacheTest, CacheThatIsNotThereIsNoFault) {
  write("a", "1");
  write("b", "2");
  std::filesystem::create_directories(cache());
  request_.cache_from = {{.folder = cache(), .shown = "the folder"}};
  built(kCopies);
  EXPECT_THAT(progress_.lines, Contains("the build cache the folder is not there yet"));
}

TEST_F(SharedCacheTest, StepsAreNotAskedForWithoutCache) {
  write("a", "1");
  write("b", "2");
  built_and_sent(kCopies, CacheMode::min);
  go_to_second_host();
  request_.no_cache = true;
  EXPECT_EQ(built(kCopies).cached_steps, 0U);
  EXPECT_THAT(progress_.lines, Not(Contains(HasSubstr("the build cache"))));
}

TEST_F(SharedCacheTest, ImageIsACacheItselfWhenItWasToldSo) {
  write("a", "1");
  write("b", "2");
  request_.inline_cache = true;
  const auto first = built(kCopies);
  std::filesystem::create_directories(cache());
  ASSERT_TRUE(build::CacheFolder::open(cache())->put(*store_, first.manifest_digest, "", cancel_));
  go_to_second_host();
  const auto second = built(kCopies);
  EXPECT_EQ(second.cached_steps, second.steps);
  EXPECT_EQ(second.manifest_digest, first.manifest_digest);
}

TEST_F(SharedCacheTest, StagesOfTheFilterAreDoneAgain) {
  write("a", "1");
  write("b", "2");
  const std::string file = "FROM scratch AS Base\nCOPY a /a\n\nFROM scratch\nCOPY --from=Base /a /x\nCOPY b /b\n";
  built(file);
  request_.no_cache_filter = {"base", "none"};
  EXPECT_EQ(built(file).cached_steps, 2U);
  EXPECT_THAT(progress_.lines, Contains("--no-cache-filter: there is no stage 'none'"));
  request_.no_cache_filter = {"stage-1"};
  EXPECT_EQ(built(file).cached_steps, 1U);
}

TEST_F(SharedCacheTest, StepsBeyondTheirAgeAreDoneAgain) {
  write("a", "1");
  write("b", "2");
  request_.cache_to = {{.place = {.folder = cache()}}};
  auto first = built(kCopies);
  for (CacheRecord& each : first.cache.front().records)
    each.created = TimePoint(std::chrono::hours(24 * 365 * 30));
  send(first.cache, CacheMode::min);
  request_.cache_to.clear();
  go_to_second_host();
  request_.cache_max_age = std::chrono::hours(336);
  EXPECT_EQ(built(kCopies).cached_steps, 0U);
}

// A folder of a job: no link in it may lead what is written, or read, elsewhere.
TEST_F(SharedCacheTest, LinksInTheFolderLeadNowhere) {
  write("a", "1");
  const auto outside = folder_->path() / "outside";
  std::filesystem::create_directories(outside / "sha256");
  ASSERT_TRUE(write_file_atomic(outside / "secret", as_bytes("{}")));
  for (const std::string name : {"blobs", "index.json", "oci-layout"}) {
    std::filesystem::remove_all(cache());
    std::filesystem::create_directories(cache());
    std::filesystem::create_symlink(name == "blobs" ? outside : outside / "secret", cache() / name);
    request_.cache_to = {{.place = {.folder = cache()}}};
    const auto image = built("FROM scratch\nCOPY a /a\n");
    const auto written = write_cache_image(*store_, image.cache, CacheMode::min, all_layers(image.cache));
    ASSERT_TRUE(written);
    static_cast<void>(build::CacheFolder::open(cache())->put(*store_, written->manifest_digest, "", cancel_));
    EXPECT_TRUE(std::filesystem::is_empty(outside / "sha256")) << name;
    EXPECT_EQ(*read_file(outside / "secret", 100), "{}") << name;
  }
}

TEST_F(SharedCacheTest, LayersThatMayNotLeaveAreNotInTheImage) {
  write("a", "1");
  write("b", "2");
  request_.cache_to = {{.place = {.folder = cache()}, .mode = CacheMode::max}};
  const auto image = built("FROM scratch AS one\nCOPY a /a\n\nFROM scratch\nCOPY --from=one /a /x\nCOPY b /b\n");
  ASSERT_EQ(image.cache.size(), 2U);
  ASSERT_TRUE(image.cache[0].manifest_digest);
  std::set<Digest> result;
  for (const CacheRecord& each : image.cache[1].records)
    result.insert(each.blob->digest);
  const auto layers = [&](CacheMode mode, const std::set<Digest>& may_leave) {
    const auto written = write_cache_image(*store_, image.cache, mode, may_leave);
    EXPECT_TRUE(written);
    std::set<Digest> out;
    const auto manifest = store_->manifest(written->manifest_digest);
    for (const Descriptor& each : manifest->layers)
      out.insert(each.digest);
    EXPECT_EQ(written->steps, 3U);
    return out;
  };
  EXPECT_EQ(layers(CacheMode::max, all_layers(image.cache)), all_layers(image.cache));
  EXPECT_EQ(layers(CacheMode::min, all_layers(image.cache)), result);
  EXPECT_EQ(layers(CacheMode::max, result), result);
  EXPECT_EQ(layers(CacheMode::max, {}), std::set<Digest>());
}

constexpr std::string_view kStages =
    "FROM base AS make\nRUN mkdir /out && echo made > /out/x && echo other > /out/y\n\n"
    "FROM base\nCOPY --from=make /out/x /x\nRUN cat /x > /z\n";

TEST_F(SharedRunCacheTest, LayersOfOtherStagesAreNotFetchedBeforeTheyAreNeeded) {
  const auto first = built_and_sent(kStages, CacheMode::max);
  go_to_second_host();
  const auto second = built(kStages);
  EXPECT_EQ(second.cached_steps, second.steps);
  EXPECT_EQ(second.manifest_digest, first.manifest_digest);
  const auto made = first.cache.front().records.front();
  EXPECT_FALSE(store_->has_blob(made.blob->digest));
  // Now something else is wanted of the stage.
  const auto third = built(std::string(kStages) + "COPY --from=make /out/y /y\n");
  EXPECT_EQ(third.cached_steps, third.steps - 1);
  EXPECT_EQ(files(third).at("y").text, "other\n");
  EXPECT_TRUE(store_->has_blob(made.blob->digest));
}

TEST_F(SharedRunCacheTest, WithoutTheLayersOfAStageItIsBuiltWhenItIsNeeded) {
  const auto first = built_and_sent(kStages, CacheMode::min);
  go_to_second_host();
  const auto second = built(kStages);
  EXPECT_EQ(second.cached_steps, second.steps);
  EXPECT_EQ(second.manifest_digest, first.manifest_digest);
  const auto third = built(std::string(kStages) + "COPY --from=make /out/y /y\n");
  EXPECT_EQ(files(third).at("y").text, "other\n");
  EXPECT_EQ(files(third).at("z").text, "made\n");
  EXPECT_THAT(progress_.lines, Contains("beginning anew without them"));
}

// The promise of a shared cache: a second host need not run anything.
TEST_F(SharedRunCacheTest, RunStepsComeFromARegistry) {
  test::TestRegistry registry;
  const Reference name = *Reference::parse(registry.host() + "/team/cache:1");
  const CachePlace place{.reference = name, .shown = "the registry"};
  request_.cache_to = {{.place = place}};
  const std::string file = "FROM base\nRUN echo 1 > /one\nRUN echo 2 > /two\nRUN true\n";
  const auto first = built(file);
  request_.cache_to.clear();
  const auto written = write_cache_image(*store_, first.cache, CacheMode::min, all_layers(first.cache));
  ASSERT_TRUE(written);
  RegistrySettings settings;
  settings.first_retry_delay = std::chrono::milliseconds(1);
  Registry client(settings, fixed_credentials({}), make_curl_transport({}));
  const auto pushed = client.push(*store_, written->manifest_digest, name, cancel_, progress_);
  ASSERT_TRUE(pushed) << pushed.error().text();
  EXPECT_THAT(registry.complaints(), ::testing::IsEmpty());
  go_to_second_host();
  request_.cache_from = {place};
  request_.dockerfile_text = file;
  BuildHost host{store_, &*snapshots_, sandbox_.get(), nullptr};
  host.registry = &client;
  const auto second = build_image(request_, host, {}, cancel_, progress_);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(second->cached_steps, 3U);
  EXPECT_EQ(second->manifest_digest, first.manifest_digest);
  // A registry that refuses is told of, and no more.
  registry.fail_times(100, "GET", "/manifests/", {.status = 403, .headers = {}, .body = ""});
  registry.fail_times(100, "HEAD", "/manifests/", {.status = 403, .headers = {}, .body = ""});
  request_.cache_namespace = "another project";
  request_.dockerfile_text = file + "RUN echo 3 > /three\n";
  const auto third = build_image(request_, host, {}, cancel_, progress_);
  ASSERT_TRUE(third) << third.error().text();
  EXPECT_EQ(third->cached_steps, 0U);
  EXPECT_THAT(progress_.lines, Contains(HasSubstr("the build goes on without the build cache the registry: ")));
}

TEST(CacheRecords, AreReadAsTheyWereWritten) {
  CacheRecord layer{
      .key = std::string(64, 'a'), .known_key = std::string(64, 'b'), .created = TimePoint(std::chrono::seconds(7))};
  layer.diff_id = {Digest::of("tar")};
  layer.blob =
      Descriptor{.media_type = std::string(media_type::kOciLayerGzip), .digest = Digest::of("gz"), .size_bytes = 9};
  const CacheRecord unchanged{
      .key = std::string(64, 'c'), .known_key = "", .created = TimePoint(std::chrono::seconds(8))};
  const std::string text = cache_config_text({layer, unchanged});
  const auto read = parse_cache_config(text, "x");
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(cache_config_text(*read), text);
  EXPECT_EQ((*read)[0].blob->digest, layer.blob->digest);
  EXPECT_FALSE((*read)[1].blob);
}

TEST(CacheRecords, WhatMakesNoSenseIsLeftOut) {
  const std::string key(64, 'a');
  const std::string digest = Digest::of("x").str();
  const std::string blob = R"("blob":{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":")" + digest;
  const std::string cases[] = {
      R"(7)",
      R"({"key":"short","created":1,"unchanged":true})",
      R"({"key":")" + key + R"(","created":-1,"unchanged":true})",
      R"({"key":")" + key + R"(","created":999999999999999,"unchanged":true})",
      R"({"key":")" + key + R"(","created":1})",
      R"({"key":")" + key + R"(","known":"../x","created":1,"unchanged":true})",
      R"({"key":")" + key + R"(","created":1,"diff_id":"md5:1",)" + blob + R"(","size":1}})",
      R"({"key":")" + key + R"(","created":1,"diff_id":")" + digest + R"(",)" + blob + R"(","size":-1}})",
      R"({"key":")" + key + R"(","created":1,"diff_id":")" + digest + R"("})",
  };
  for (const std::string& each : cases) {
    const auto read = parse_cache_config(R"({"version":1,"steps":[)" + each + "]}", "x");
    ASSERT_TRUE(read) << each;
    EXPECT_TRUE(read->empty()) << each;
  }
}

TEST(CacheRecords, AreReadUpToTheCap) {
  const std::string key(64, 'a');
  std::string steps;
  for (std::size_t i = 0; i <= kMaxCacheRecords; ++i)
    steps += (i == 0 ? "" : ",") + (R"({"key":")" + key + R"(","created":1,"unchanged":true})");
  const auto read = parse_cache_config(R"({"version":1,"steps":[)" + steps + "]}", "x");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), kMaxCacheRecords);
}

}  // namespace
}  // namespace scangate
