#include "pipeline/image/transfer.h"

#include <gmock/gmock.h>

#include "base/json/json.h"
#include "pipeline/image/image_index.h"
#include "pipeline/image/layer.h"
#include "tests/pipeline/image/support.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;
using test::raw_tar;
using test::RecordingSink;
using testing::ElementsAre;
using testing::HasSubstr;

class TransferTest : public test::StoreTest {
 protected:
  // A small image of two layers, in the store.
  Digest make_image() {
    const WrittenLayer base = put_layer(raw_tar({{.name = "etc", .type = '5', .mode = 0755},
                                                 {.name = "etc/os-release", .content = "ID=test\n"},
                                                 {.name = "etc/gone", .content = "g"}}));
    const WrittenLayer upper =
        put_layer(raw_tar({{.name = "etc/.wh.gone"}, {.name = "app", .content = std::string(100000, 'a'), .uid = 7}}));
    ImageConfig config{
        .platform = Platform::host(),
        .created = TimePoint(std::chrono::seconds(1'700'000'000)),
        .user = "7",
        .exposed_ports = {"80/tcp"},
        .environment = {"PATH=/bin"},
        .entrypoint = {{"/app"}},
        .volumes = {"/data"},
        .labels = {{"k", "v"}},
        .healthcheck = Healthcheck{.test = {"CMD", "true"}},
        .diff_ids = {base.diff_id, upper.diff_id},
        .history = {{.created_by = "base"}, {.created_by = "ENV", .empty_layer = true}, {.created_by = "COPY"}}};
    const std::string config_text = to_json(config);
    Manifest manifest{.media_type = std::string(media_type::kOciManifest), .layers = {base.blob, upper.blob}};
    manifest.config = {.media_type = std::string(media_type::kOciConfig), .size_bytes = config_text.size()};
    manifest.config.digest = store_->put_blob(config_text).value();
    return store_->put_blob(to_json(manifest)).value();
  }
  Result<Imported> import(Store& store, const std::string& source) {
    return import_image(store, source, Platform::host(), Cancel(), silent_);
  }
  Result<void> export_to(const Digest& manifest, const std::string& target, const std::string& name = "test/app:1") {
    return export_image(*store_, manifest, name, target, Cancel(), silent_);
  }
  std::shared_ptr<Store> other_store() {
    auto store = Store::open(folder() / "other");
    EXPECT_TRUE(store);
    return *store;
  }
  // All entries of all layers, each prefixed with its layer's number.
  static std::vector<std::string> content(const Store& store, const Digest& manifest_digest) {
    std::vector<std::string> out;
    const auto manifest = store.manifest(manifest_digest);
    EXPECT_TRUE(manifest) << manifest.error().text();
    const auto config = store.config(*manifest);
    EXPECT_TRUE(config) << config.error().text();
    for (std::size_t i = 0; i < manifest->layers.size(); ++i) {
      RecordingSink sink;
      const auto read = stored_layer(store, manifest->layers[i], config->diff_ids[i])->read(sink);
      EXPECT_TRUE(read) << read.error().text();
      for (const std::string& line : sink.lines)
        out.push_back(fmt::format("{} {}", i, line));
    }
    return out;
  }
  std::string path(const std::string& name) const { return folder() / name; }
  NoProgress silent_;
};

const std::vector<std::string> kContent = {"0 dir etc 0755 0:0 @0", "0 file etc/os-release 0644 0:0 @0 8 'ID=test\n'",
                                           "0 file etc/gone 0644 0:0 @0 1 'g'", "1 file etc/.wh.gone 0644 0:0 @0 0",
                                           "1 file app 0644 7:0 @0 100000"};

TEST_F(TransferTest, OciFormsKeepEveryDigest) {
  const Digest manifest = make_image();
  for (const std::string& target :
       {"oci:" + path("layout"), "oci:" + path("layout2") + ":tagged", "oci-archive:" + path("archive.tar")}) {
    ASSERT_TRUE(export_to(manifest, target)) << target;
    const auto store = other_store();
    const auto imported = import(*store, target);
    ASSERT_TRUE(imported) << imported.error().text();
    EXPECT_EQ(imported->manifest_digest, manifest);
    EXPECT_THAT(imported->names, ElementsAre("docker.io/test/app:1"));
    EXPECT_EQ(content(*store, manifest), kContent);
    ASSERT_TRUE(remove_tree(folder() / "other"));
  }
}

TEST_F(TransferTest, DockerArchiveKeepsTheImageId) {
  const Digest manifest = make_image();
  ASSERT_TRUE(export_to(manifest, "docker-archive:" + path("saved.tar")));
  const auto store = other_store();
  const auto imported = import(*store, "docker-archive:" + path("saved.tar"));
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_THAT(imported->names, ElementsAre("docker.io/test/app:1"));
  EXPECT_EQ(content(*store, imported->manifest_digest), kContent);
  EXPECT_EQ(store->manifest(imported->manifest_digest)->config.digest, store_->manifest(manifest)->config.digest);
}

TEST_F(TransferTest, LayoutHoldsSeveralImagesByName) {
  const Digest manifest = make_image();
  ASSERT_TRUE(export_to(manifest, "oci:" + path("layout") + ":one"));
  ASSERT_TRUE(export_to(manifest, "oci:" + path("layout") + ":two"));
  ASSERT_TRUE(export_to(manifest, "oci:" + path("layout") + ":two"));
  EXPECT_TRUE(import(*other_store(), "oci:" + path("layout") + ":two"));
  const auto ambiguous = import(*store_, "oci:" + path("layout"));
  ASSERT_FALSE(ambiguous);
  EXPECT_EQ(ambiguous.error().text(),
            fmt::format("{0}: it has several images ('one', 'two'), name one as oci:{0}:TAG", path("layout")));
  const auto unknown = import(*store_, "oci:" + path("layout") + ":three");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().text(), fmt::format("{}: it has no image 'three', only 'one', 'two'", path("layout")));
}

TEST_F(TransferTest, RootfsBecomesAnImageOfOneLayer) {
  ASSERT_TRUE(write_file_atomic(path("rootfs.tar"), as_bytes(raw_tar({{.name = "./", .type = '5', .mode = 0755},
                                                                      {.name = "./bin", .type = '2', .link = "usr/bin"},
                                                                      {.name = "./hello", .content = "hi"}}))));
  const auto imported = import(*store_, path("rootfs.tar"));
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_THAT(
      content(*store_, imported->manifest_digest),
      ElementsAre("0 dir  0755 0:0 @0", "0 symlink bin 0644 0:0 @0 -> usr/bin", "0 file hello 0644 0:0 @0 2 'hi'"));
  EXPECT_EQ(import(*store_, path("rootfs.tar"))->manifest_digest, imported->manifest_digest);
  const auto facts = image_facts(*store_, imported->manifest_digest, "x:1");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->config.architecture, Platform::host().architecture);
}

TEST_F(TransferTest, FactsComeFromConfigAndHistory) {
  const Digest manifest = make_image();
  const auto facts = image_facts(*store_, manifest, "registry.example/app:1");
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->name, "registry.example/app:1");
  EXPECT_EQ(facts->config.user, "7");
  EXPECT_THAT(facts->config.exposed_ports, ElementsAre("80/tcp"));
  EXPECT_TRUE(facts->config.has_healthcheck);
  ASSERT_EQ(facts->layers.size(), 2U);
  EXPECT_EQ(facts->layers[0].created_by, "base");
  EXPECT_EQ(facts->layers[1].created_by, "COPY");
}

TEST_F(TransferTest, SkopeoReadsOurExportsAndWeReadItsOwn) {
  if (!test::have("skopeo")) GTEST_SKIP() << "no skopeo on PATH";
  const Digest manifest = make_image();
  ASSERT_TRUE(export_to(manifest, "oci:" + path("ours") + ":1"));
  ASSERT_TRUE(export_to(manifest, "docker-archive:" + path("ours.tar")));
  ASSERT_TRUE(export_to(manifest, "oci-archive:" + path("ours-oci.tar")));
  const auto copy = [&](const std::string& from, const std::string& to) {
    run({"skopeo", "--insecure-policy", "--tmpdir", folder(), "copy", "-q", from, to});
  };
  copy("oci:" + path("ours") + ":1", "docker-archive:" + path("theirs.tar") + ":test/app:2");
  copy("oci:" + path("ours") + ":1", "oci-archive:" + path("theirs-oci.tar") + ":3");
  copy("docker-archive:" + path("ours.tar"), "oci:" + path("theirs") + ":4");
  copy("oci-archive:" + path("ours-oci.tar"), "dir:" + path("theirs-dir"));
  for (const std::string& source : {"docker-archive:" + path("theirs.tar"), "oci-archive:" + path("theirs-oci.tar"),
                                    "oci:" + path("theirs") + ":4"}) {
    const auto store = other_store();
    const auto imported = import(*store, source);
    ASSERT_TRUE(imported) << source << ": " << imported.error().text();
    EXPECT_EQ(content(*store, imported->manifest_digest), kContent) << source;
    ASSERT_TRUE(remove_tree(folder() / "other"));
  }
}

TEST_F(TransferTest, UmociUnpacksOurLayout) {
  if (!test::have("umoci")) GTEST_SKIP() << "no umoci on PATH";
  if (!test::may_chown(folder())) GTEST_SKIP() << "umoci must give files away, which this user may not";
  ASSERT_TRUE(export_to(make_image(), "oci:" + path("ours") + ":1"));
  run({"umoci", "unpack", "--image", path("ours") + ":1", path("bundle")});
  EXPECT_TRUE(fs::exists(folder() / "bundle/rootfs/app"));
  EXPECT_TRUE(fs::exists(folder() / "bundle/rootfs/etc/os-release"));
  EXPECT_FALSE(fs::exists(folder() / "bundle/rootfs/etc/gone"));
}

class DamagedLayoutTest : public TransferTest {
 protected:
  void SetUp() override {
    TransferTest::SetUp();
    manifest_ = make_image();
    ASSERT_TRUE(export_to(manifest_, "oci:" + path("layout")));
    layer_ = store_->manifest(manifest_)->layers[1];
  }
  fs::path blob(const Digest& digest) const { return folder() / "layout/blobs/sha256" / digest.hex(); }
  void expect_refused(const std::string& text) {
    const auto store = other_store();
    const auto imported = import(*store, "oci:" + path("layout"));
    ASSERT_FALSE(imported);
    EXPECT_EQ(imported.error().text(), text);
    EXPECT_EQ(imported.error().fault(), Fault::user);
    EXPECT_FALSE(store->has_blob(layer_.digest));
    EXPECT_EQ(store->verify().value_or(std::vector<Digest>{Digest()}), std::vector<Digest>{});
  }
  Digest manifest_;
  Descriptor layer_;
};

TEST_F(DamagedLayoutTest, TruncatedLayer) {
  fs::resize_file(blob(layer_.digest), layer_.size_bytes - 10);
  expect_refused(fmt::format("{0}: layer {1}: blob {1} has {2} bytes, {3} were announced", path("layout"),
                             layer_.digest.str(), layer_.size_bytes - 10, layer_.size_bytes));
}

TEST_F(DamagedLayoutTest, AlteredLayer) {
  auto text = read_file(blob(layer_.digest), 1U << 20U).value();
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  ASSERT_TRUE(write_file_atomic(blob(layer_.digest), as_bytes(text)));
  expect_refused(fmt::format("{0}: layer {1}: blob {1} was announced, what came is {2}", path("layout"),
                             layer_.digest.str(), Digest::of(text).str()));
}

TEST_F(DamagedLayoutTest, AlteredManifest) {
  ASSERT_TRUE(write_file_atomic(blob(manifest_), as_bytes("{}")));
  const auto imported = import(*other_store(), "oci:" + path("layout"));
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().text(), HasSubstr("has 2 bytes"));
}

TEST_F(DamagedLayoutTest, MissingBlob) {
  ASSERT_TRUE(fs::remove(blob(layer_.digest)));
  expect_refused(fmt::format("{0}: blob {1} is missing: cannot open blobs/sha256/{2}: No such file or directory",
                             path("layout"), layer_.digest.str(), layer_.digest.hex()));
}

TEST_F(DamagedLayoutTest, BlobThatIsALinkOutOfTheLayout) {
  ASSERT_TRUE(fs::remove(blob(layer_.digest)));
  fs::create_symlink("/etc/passwd", blob(layer_.digest));
  const auto imported = import(*other_store(), "oci:" + path("layout"));
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().text(), HasSubstr("is missing"));
}

TEST_F(DamagedLayoutTest, ConfigWithAnotherDiffId) {
  // Manifest and config are consistent, only the layer is not what the config says.
  const Manifest manifest = store_->manifest(manifest_).value();
  ImageConfig config = store_->config(manifest).value();
  config.diff_ids[1] = DiffId{Digest::of("other")};
  Manifest wrong = manifest;
  const std::string config_text = to_json(config);
  wrong.config.size_bytes = config_text.size();
  wrong.config.digest = Digest::of(config_text);
  const std::string manifest_text = to_json(wrong);
  ImageIndex index{.media_type = std::string(media_type::kOciIndex)};
  index.manifests.push_back(
      {.media_type = wrong.media_type, .digest = Digest::of(manifest_text), .size_bytes = manifest_text.size()});
  ASSERT_TRUE(write_file_atomic(blob(wrong.config.digest), as_bytes(config_text)));
  ASSERT_TRUE(write_file_atomic(blob(Digest::of(manifest_text)), as_bytes(manifest_text)));
  ASSERT_TRUE(write_file_atomic(path("layout/index.json"), as_bytes(to_json(index))));
  const auto imported = import(*other_store(), "oci:" + path("layout"));
  ASSERT_FALSE(imported);
  EXPECT_THAT(imported.error().text(), HasSubstr("the image's config says " + Digest::of("other").str()));
}

TEST_F(TransferTest, SourcesThatAreNoImageAreRefused) {
  fs::create_directory(folder() / "empty");
  ASSERT_TRUE(write_file_atomic(path("text"), as_bytes("hello, this is not an archive")));
  ASSERT_TRUE(write_file_atomic(path("plain.tar"), as_bytes(raw_tar({{.name = "a", .content = "a"}}))));
  const std::pair<std::string, std::string> cases[] = {
      {"oci:" + path("empty"),
       path("empty") + ": not an OCI image layout: cannot open oci-layout: No such file or directory"},
      {path("text"), path("text") + ": not a tar archive: Unrecognized archive format"},
      {"docker-archive:" + path("plain.tar"),
       path("plain.tar") + ": not an archive of 'docker save': it has no manifest.json"},
      {"oci-archive:" + path("plain.tar"), path("plain.tar") + ": not an OCI archive: it has no oci-layout"},
      {path("missing"), "cannot open " + path("missing") + ": No such file or directory"},
      {"oci:", "'oci:' names no file or folder"},
  };
  for (const auto& [source, text] : cases) {
    const auto imported = import(*store_, source);
    ASSERT_FALSE(imported) << source;
    EXPECT_EQ(imported.error().text(), text);
  }
  const auto exported = export_to(make_image(), path("out.tar"));
  ASSERT_FALSE(exported);
  EXPECT_EQ(exported.error().text(), "'" + path("out.tar") +
                                         "' is no place for an image: it must be oci:DIR[:TAG], oci-archive:FILE or "
                                         "docker-archive:FILE");
}

TEST_F(TransferTest, DockerArchiveWithLinkedLayersAndLateManifest) {
  // As docker before 25 wrote it: shared layers are links, manifest.json comes last, the whole may be compressed.
  const std::string layer = raw_tar({{.name = "file", .content = "x"}});
  ImageConfig config{.platform = Platform::host(), .diff_ids = {DiffId{Digest::of(layer)}, DiffId{Digest::of(layer)}}};
  const std::string manifest =
      R"([{"Config":"c.json","RepoTags":["App:bad","app:1"],"Layers":["one/layer.tar","two/layer.tar"]}])";
  const std::string tar = raw_tar({{.name = "one/layer.tar", .content = layer},
                                   {.name = "two/layer.tar", .type = '2', .link = "../one/layer.tar"},
                                   {.name = "c.json", .content = to_json(config)},
                                   {.name = "manifest.json", .content = manifest}});
  ASSERT_TRUE(write_file_atomic(path("old.tar"), as_bytes(tar)));
  const auto imported = import(*store_, "docker-archive:" + path("old.tar"));
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_THAT(imported->names, ElementsAre("docker.io/library/app:1"));
  EXPECT_THAT(content(*store_, imported->manifest_digest),
              ElementsAre("0 file file 0644 0:0 @0 1 'x'", "1 file file 0644 0:0 @0 1 'x'"));
}

TEST_F(TransferTest, IndexGivesTheImageOfThePlatform) {
  const Digest manifest = make_image();
  const std::string text = store_->read_blob(manifest, kMaxManifestBytes).value();
  ASSERT_TRUE(export_to(manifest, "oci:" + path("layout")));
  ImageIndex inner{.media_type = std::string(media_type::kOciIndex)};
  inner.manifests.push_back({.media_type = std::string(media_type::kOciManifest),
                             .digest = Digest::of("arm"),
                             .size_bytes = 3,
                             .platform = Platform{"linux", "riscv64", ""}});
  inner.manifests.push_back({.media_type = std::string(media_type::kOciManifest),
                             .digest = manifest,
                             .size_bytes = text.size(),
                             .platform = Platform::host()});
  const std::string inner_text = to_json(inner);
  ImageIndex outer{.media_type = std::string(media_type::kOciIndex)};
  outer.manifests.push_back({.media_type = std::string(media_type::kOciIndex),
                             .digest = Digest::of(inner_text),
                             .size_bytes = inner_text.size()});
  ASSERT_TRUE(write_file_atomic(folder() / "layout/blobs/sha256" / Digest::of(inner_text).hex(), as_bytes(inner_text)));
  ASSERT_TRUE(write_file_atomic(path("layout/index.json"), as_bytes(to_json(outer))));
  const auto store = other_store();
  const auto imported = import(*store, "oci:" + path("layout"));
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(imported->manifest_digest, manifest);
  const auto wrong = import_image(*store, "oci:" + path("layout"), Platform{"linux", "s390x", ""}, Cancel(), silent_);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().text(),
              HasSubstr("it has no image for linux/s390x, only linux/riscv64, " + Platform::host().str()));
}

TEST_F(TransferTest, AnIndexGoesOutAndComesInWhole) {
  const Digest first = make_image();
  Manifest changed = store_->manifest(first).value();
  changed.annotations["which"] = "second";
  const Digest second = store_->put_blob(to_json(changed)).value();
  ImageIndex index{.media_type = std::string(media_type::kDockerList)};
  for (const Digest& image : {first, second})
    index.manifests.push_back(index_entry(*store_, image).value());
  index.manifests[1].platform = Platform{"linux", "riscv64", ""};
  const Digest digest = store_->put_blob(to_json(index)).value();
  for (const std::string& form : {"oci:" + path("out"), "oci-archive:" + path("out.tar")}) {
    ASSERT_TRUE(export_to(digest, form)) << form;
    auto store = Store::open(folder() / ("other-" + std::to_string(form.size()))).value();
    const auto imported = import_all(*store, form, Cancel(), silent_);
    ASSERT_TRUE(imported) << imported.error().text();
    EXPECT_EQ(imported->manifest_digest, digest) << form;
    EXPECT_EQ(content(*store, first), kContent);
    EXPECT_EQ(content(*store, second), kContent);
    // One platform of it still works, too.
    EXPECT_EQ(import(*store, form)->manifest_digest, first);
  }
  // A layout of two images without an index of its own: its list is the index.
  ASSERT_TRUE(export_image(*store_, first, "", "oci:" + path("list"), Cancel(), silent_));
  ASSERT_TRUE(export_image(*store_, second, "", "oci:" + path("list"), Cancel(), silent_));
  const auto listed = import_all(*other_store(), "oci:" + path("list"), Cancel(), silent_);
  ASSERT_TRUE(listed) << listed.error().text();
  EXPECT_EQ(stored_index(*other_store(), listed->manifest_digest).value()->manifests.size(), 2U);
  // A docker-archive has one platform.
  ASSERT_TRUE(export_to(digest, "docker-archive:" + path("one.tar")));
}

}  // namespace
}  // namespace scangate
