#include "pipeline/image/store.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <thread>

#include "pipeline/image/layer.h"
#include "tests/pipeline/image/support.h"

namespace scangate {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class StoreFilesTest : public test::StoreTest {
 protected:
  Reference name(const char* text) { return Reference::parse(text).value(); }
  Digest blob(std::string_view text) { return store_->put_blob(text).value(); }
  fs::path blob_file(const Digest& digest) const { return store_->root() / "blobs/sha256" / digest.hex(); }
  // An image without layers.
  Digest image(const std::string& author) {
    const std::string config_text = to_json(ImageConfig{.author = author});
    Manifest manifest{.media_type = std::string(media_type::kOciManifest)};
    manifest.config = {.media_type = std::string(media_type::kOciConfig),
                       .digest = blob(config_text),
                       .size_bytes = config_text.size()};
    return blob(to_json(manifest));
  }
  void make_old(const fs::path& path) {
    const timespec times[] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  std::size_t files_below(const fs::path& folder) {
    return static_cast<std::size_t>(std::distance(fs::recursive_directory_iterator(folder), {}));
  }
};

TEST_F(StoreFilesTest, BlobIsThereOnlyAfterCommit) {
  const Digest digest = Digest::of("hello");
  {
    auto writer = store_->new_blob();
    ASSERT_TRUE(writer && writer->write(as_bytes("hello")));
    EXPECT_FALSE(store_->has_blob(digest));
    EXPECT_EQ(writer->size_bytes(), 5U);
  }
  EXPECT_FALSE(store_->has_blob(digest));
  EXPECT_EQ(blob("hello"), digest);
  EXPECT_TRUE(store_->has_blob(digest));
  EXPECT_EQ(store_->blob_size(digest).value(), 5U);
  EXPECT_EQ(store_->read_blob(digest, 5).value(), "hello");
  EXPECT_EQ(store_->read_blob(digest, 4).error().fault(), Fault::user);
  EXPECT_EQ(blob("hello"), digest);
}

TEST_F(StoreFilesTest, BlobWithAnotherDigestOrSizeIsNotStored) {
  auto writer = store_->new_blob();
  ASSERT_TRUE(writer && writer->write(as_bytes("hello")));
  const auto wrong = writer->commit_expecting(Digest::of("other"), 5);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().fault(), Fault::remote);
  EXPECT_EQ(wrong.error().text(), fmt::format("blob {} was announced, what came is {}", Digest::of("other").str(),
                                              Digest::of("hello").str()));
  auto second = store_->new_blob();
  ASSERT_TRUE(second && second->write(as_bytes("hello")));
  const auto size = second->commit_expecting(Digest::of("hello"), 6);
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().text(), fmt::format("blob {} has 5 bytes, 6 were announced", Digest::of("hello").str()));
  EXPECT_FALSE(store_->has_blob(Digest::of("hello")));
}

TEST_F(StoreFilesTest, MissingAndDamagedBlobsAreTold) {
  const Digest absent = Digest::of("absent");
  EXPECT_EQ(store_->open_blob(absent).error().text(), fmt::format("blob {} is not in the store", absent.str()));
  EXPECT_EQ(store_->open_blob(absent).error().fault(), Fault::user);
  const Digest digest = blob("hello");
  ASSERT_TRUE(write_file_atomic(blob_file(digest), as_bytes("jello")));
  EXPECT_EQ(store_->read_blob(digest, 10).error().fault(), Fault::host);
  EXPECT_THAT(store_->verify().value(), ElementsAre(digest));
}

TEST_F(StoreFilesTest, NamesAreReplacedListedAndRemoved) {
  const Digest first = image("first");
  const Digest second = image("second");
  ASSERT_TRUE(store_->tag(name("debian"), first));
  ASSERT_TRUE(store_->tag(name("127.0.0.1:5000/app:1"), first));
  ASSERT_TRUE(store_->tag(name("debian"), second));
  const auto images = store_->images();
  ASSERT_TRUE(images);
  ASSERT_EQ(images->size(), 2U);
  EXPECT_EQ((*images)[0].name, "127.0.0.1:5000/app:1");
  EXPECT_EQ((*images)[1].name, "docker.io/library/debian:latest");
  EXPECT_EQ((*images)[1].manifest_digest, second);
  EXPECT_GT((*images)[1].size_bytes, 0U);
  ASSERT_TRUE(store_->untag(name("debian")));
  EXPECT_EQ(store_->find(name("debian")).value(), std::nullopt);
  EXPECT_EQ(store_->untag(name("debian")).error().text(), "no image 'debian:latest' in the store");
  EXPECT_EQ(store_->tag(name("x"), Digest::of("nothing")).error().text(),
            fmt::format("cannot name 'x:latest': blob {} is not in the store", Digest::of("nothing").str()));
}

TEST_F(StoreFilesTest, ImagesAreFoundByNameDigestAndId) {
  const Digest manifest = image("me");
  const Digest id = store_->manifest(manifest)->config.digest;
  ASSERT_TRUE(store_->tag(name("app:1"), manifest));
  EXPECT_EQ(store_->resolve("app:1").value(), manifest);
  EXPECT_EQ(store_->resolve("docker.io/library/app:1").value(), manifest);
  EXPECT_EQ(store_->resolve("app@" + manifest.str()).value(), manifest);
  EXPECT_EQ(store_->resolve(id.brief()).value(), manifest);
  EXPECT_EQ(store_->resolve(id.str()).value(), manifest);
  EXPECT_EQ(store_->resolve("app").error().text(),
            "no image 'app:latest' in the store (build, pull or import it first)");
  EXPECT_EQ(store_->resolve("0123456789ab").error().fault(), Fault::user);
  EXPECT_EQ(store_->resolve("App").error().text(),
            "'App' is not an image reference: the repository 'App' must be lower-case");
}

TEST_F(StoreFilesTest, LayerRecordNeedsItsBlob) {
  const Descriptor descriptor{.media_type = "t", .digest = blob("layer"), .size_bytes = 5};
  const DiffId diff_id{Digest::of("plain")};
  EXPECT_EQ(store_->find_layer(diff_id).value(), std::nullopt);
  ASSERT_TRUE(store_->record_layer(diff_id, descriptor));
  ASSERT_TRUE(store_->record_layer(diff_id, descriptor));
  const auto found = store_->find_layer(diff_id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->digest, descriptor.digest);
  EXPECT_EQ((*found)->media_type, "t");
  ASSERT_TRUE(fs::remove(blob_file(descriptor.digest)));
  EXPECT_FALSE(store_->find_layer(diff_id).value());
}

TEST_F(StoreFilesTest, CacheTablesAreSeparate) {
  EXPECT_FALSE(store_->cache_get("steps", "k").value());
  ASSERT_TRUE(store_->cache_put("steps", "k", "v1"));
  ASSERT_TRUE(store_->cache_put("steps", "k", "v2"));
  ASSERT_TRUE(store_->cache_put("files", "k", std::string_view("a\0b", 3)));
  EXPECT_EQ(store_->cache_get("steps", "k").value(), "v2");
  EXPECT_EQ(store_->cache_get("files", "k").value(), std::string("a\0b", 3));
  EXPECT_EQ(store_->cache_clear("steps").value(), 1U);
  EXPECT_FALSE(store_->cache_get("steps", "k").value());
  EXPECT_TRUE(store_->cache_get("files", "k").value());
}

TEST_F(StoreFilesTest, EverythingSurvivesReopening) {
  const Digest manifest = image("me");
  ASSERT_TRUE(store_->tag(name("app:1"), manifest));
  ASSERT_TRUE(store_->cache_put("steps", "k", "v"));
  store_.reset();
  store_ = Store::open(folder() / "store").value();
  EXPECT_EQ(store_->find(name("app:1")).value(), manifest);
  EXPECT_EQ(store_->cache_get("steps", "k").value(), "v");
  EXPECT_TRUE(store_->has_blob(manifest));
}

TEST_F(StoreFilesTest, WorkOfADeadProcessIsRemovedThatOfALivingOneIsNot) {
  auto living = store_->make_work_folder("living-");
  ASSERT_TRUE(living);
  const pid_t child = fork();
  if (child == 0) {
    auto store = Store::open(folder() / "store");
    auto work = (*store)->make_work_folder("dead-");
    auto writer = (*store)->new_blob();
    static_cast<void>(writer->write(as_bytes("half a blob")));
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(files_below(store_->root() / "tmp"), 7U);  // two sessions with lock and folder, three things in them
  auto again = Store::open(folder() / "store");
  ASSERT_TRUE(again);
  again->reset();
  EXPECT_EQ(files_below(store_->root() / "tmp"), 3U);
  EXPECT_TRUE(fs::exists(living->path()));
}

TEST_F(StoreFilesTest, SnapshotsOfAnEarlierBootAreDropped) {
  fs::create_directories(store_->root() / "snapshots/abc/fs");
  ASSERT_TRUE(Store::open(folder() / "store"));
  EXPECT_TRUE(fs::exists(store_->root() / "snapshots/abc"));
  ASSERT_TRUE(write_file_atomic(store_->root() / "snapshots.boot", as_bytes("another boot\n")));
  ASSERT_TRUE(Store::open(folder() / "store"));
  EXPECT_FALSE(fs::exists(store_->root() / "snapshots/abc"));
}

TEST_F(StoreFilesTest, PruneKeepsWhatIsNamedUsedOrLeased) {
  const Digest named = image("named");
  const Digest config = store_->manifest(named)->config.digest;
  const WrittenLayer unnamed = put_layer(test::raw_tar({{.name = "a"}}));
  const Digest old = blob("old");
  const fs::path snapshot = store_->root() / "snapshots" / Digest::of("chain").hex();
  fs::create_directories(snapshot / "fs");
  ASSERT_TRUE(store_->tag(name("app:1"), named));
  for (const fs::path& path : {blob_file(named), blob_file(config), blob_file(old), snapshot})
    make_old(path);

  const auto first = store_->prune(std::chrono::hours(1), 0);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(first->blobs, 1U);
  EXPECT_EQ(first->snapshots, 1U);
  EXPECT_GE(first->freed_bytes, 3U);
  EXPECT_FALSE(store_->has_blob(old));
  EXPECT_TRUE(store_->has_blob(named) && store_->has_blob(config) && store_->has_blob(unnamed.blob.digest));

  {
    auto lease = store_->lease();
    ASSERT_TRUE(lease);
    // Used under the lease, so newer than it.
    ASSERT_TRUE(store_->find_layer(unnamed.diff_id).value());
    const Digest fresh = blob("written under the lease");
    EXPECT_EQ(store_->prune(std::chrono::seconds(0), 1)->blobs, 0U);
    EXPECT_TRUE(store_->has_blob(fresh));
  }
  EXPECT_EQ(store_->prune(std::chrono::seconds(0), 0)->blobs, 2U);
  EXPECT_FALSE(store_->find_layer(unnamed.diff_id).value());
  EXPECT_TRUE(store_->manifest(named));
}

TEST_F(StoreFilesTest, PruneToATargetTakesTheLeastRecentlyUsedFirst) {
  const Digest older = blob(std::string(1000, 'o'));
  const Digest newer = blob(std::string(1000, 'n'));
  make_old(blob_file(older));
  const auto report = store_->prune(std::chrono::hours(1'000'000), 1500);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->blobs, 1U);
  EXPECT_EQ(report->freed_bytes, 1000U);
  EXPECT_FALSE(fs::exists(blob_file(older)));
  EXPECT_TRUE(fs::exists(blob_file(newer)));
}

TEST_F(StoreFilesTest, LeaseOfADeadProcessDoesNotCount) {
  const pid_t child = fork();
  if (child == 0) {
    auto store = Store::open(folder() / "store");
    auto lease = (*store)->lease();
    _exit(lease ? 0 : 1);  // without destructors
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_FALSE(fs::is_empty(store_->root() / "leases"));
  const Digest digest = blob("x");
  EXPECT_EQ(store_->prune(std::chrono::seconds(0), 0)->blobs, 1U);
  EXPECT_FALSE(store_->has_blob(digest));
  EXPECT_TRUE(fs::is_empty(store_->root() / "leases"));
}

TEST_F(StoreFilesTest, TwoProcessesAndSeveralThreadsWriteAtOnce) {
  const auto work = [](Store& store, int seed) {
    for (int i = 0; i < 20; ++i) {
      const auto digest = store.put_blob(fmt::format("blob {}", (seed * 7 + i) % 30));
      if (!digest || !store.cache_put("t", fmt::format("k{}", i), "v") ||
          !store.tag(Reference::parse(fmt::format("app:{}", i)).value(), *digest))
        return false;
    }
    return true;
  };
  const pid_t child = fork();
  if (child == 0) {
    auto store = Store::open(folder() / "store");
    _exit(store && work(**store, 1) ? 0 : 1);
  }
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] { good += work(*store_, t + 2) ? 1 : 0; });
  for (std::thread& thread : threads)
    thread.join();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(good, 3);
  EXPECT_EQ(store_->images()->size(), 20U);
  EXPECT_THAT(store_->verify().value(), ElementsAre());
}

TEST_F(StoreFilesTest, FullDiskIsAHostFaultAndLeavesTheStoreWhole) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    GTEST_SKIP() << "no mount namespace: " << std::strerror(errno);
  const fs::path small = folder() / "small";
  fs::create_directory(small);
  if (mount("none", small.c_str(), "tmpfs", 0, "size=2m") != 0) GTEST_SKIP() << "no tmpfs: " << std::strerror(errno);
  {
    auto store = Store::open(small / "store").value();
    const Digest before = store->put_blob("before").value();
    // Random content, which does not compress.
    std::string large(4'000'000, '\0');
    std::uint32_t state = 1;
    for (char& c : large)
      c = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
    StringSource tar(test::raw_tar({{.name = "large", .content = large}}));
    const auto layer = layer_from_tar(*store, tar, {}, {}, "large.tar");
    ASSERT_FALSE(layer);
    EXPECT_EQ(layer.error().fault(), Fault::host);
    EXPECT_EQ(layer.error().text(),
              fmt::format("the disk of the store {} is full (free space, or run 'scangate image prune')",
                          (small / "store").string()));
    EXPECT_TRUE(store->has_blob(before));
    EXPECT_TRUE(store->put_blob("after"));
    EXPECT_THAT(store->verify().value(), ElementsAre());
  }
  EXPECT_EQ(umount(small.c_str()), 0);
}

TEST_F(StoreFilesTest, UnusableFoldersAndIndexesAreTold) {
  ASSERT_TRUE(write_file_atomic(folder() / "file", {}));
  const auto not_a_folder = Store::open(folder() / "file/store");
  ASSERT_FALSE(not_a_folder);
  EXPECT_EQ(not_a_folder.error().text(),
            fmt::format("cannot create folder {}: Not a directory (make the folder writable for this user or choose "
                        "another with --store)",
                        (folder() / "file/store").string()));
  store_.reset();
  const fs::path index = folder() / "store/index.db";
  ASSERT_TRUE(write_file_atomic(index, as_bytes(std::string(4096, 'x'))));
  const auto corrupt = Store::open(folder() / "store");
  ASSERT_FALSE(corrupt);
  EXPECT_EQ(corrupt.error().text(), index.string() +
                                        ": the store's index failed: file is not a database (move it away: names and "
                                        "caches start anew, blobs are kept)");
  EXPECT_EQ(corrupt.error().fault(), Fault::host);
}

TEST_F(StoreFilesTest, JobsHaveNamesOfTheirOwnAndFindTheHosts) {
  const auto names = [](const Store& store) {
    std::vector<std::string> out;
    const auto images = store.images();
    for (const auto& image : images.value())
      out.push_back(image.name);
    return out;
  };
  const Digest host_image = image("host"), one_image = image("one"), two_image = image("two");
  ASSERT_TRUE(store_->tag(name("base:1"), host_image));
  const auto one = Store::open(store_->root(), "job-1").value();
  const auto two = Store::open(store_->root(), "job-2").value();
  ASSERT_TRUE(one->tag(name("app:1"), one_image));
  ASSERT_TRUE(two->tag(name("app:1"), two_image));
  ASSERT_TRUE(two->tag(name("base:1"), two_image));
  EXPECT_EQ(one->find(name("app:1")).value(), one_image);
  EXPECT_EQ(two->find(name("app:1")).value(), two_image);
  EXPECT_EQ(store_->find(name("app:1")).value(), std::nullopt);
  EXPECT_EQ(one->find(name("base:1")).value(), host_image);
  EXPECT_EQ(store_->find(name("base:1")).value(), host_image);
  EXPECT_THAT(names(*one), ElementsAre("docker.io/library/app:1"));
  EXPECT_THAT(names(*store_), ElementsAre("docker.io/library/base:1"));
  EXPECT_EQ(one->resolve(host_image.hex().substr(0, 12)).value(), host_image);
  EXPECT_FALSE(one->resolve(two_image.hex().substr(0, 12)));
  EXPECT_EQ(one->untag(name("base:1")).error().text(), "no image 'base:1' in the store");
  ASSERT_TRUE(two->untag(name("base:1")));
  EXPECT_EQ(two->find(name("base:1")).value(), host_image);
  ASSERT_TRUE(two->forget_names());
  EXPECT_EQ(two->find(name("app:1")).value(), std::nullopt);
  EXPECT_EQ(one->find(name("app:1")).value(), one_image);
  EXPECT_FALSE(store_->forget_names());
}

}  // namespace
}  // namespace scangate
