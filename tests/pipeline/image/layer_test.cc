#include "pipeline/image/layer.h"

#include <gmock/gmock.h>

#include "base/archive/decompress.h"
#include "tests/pipeline/image/support.h"

namespace scangate {
namespace {

using test::describe;
using test::pax_record;
using test::raw_entry;
using test::raw_tar;
using test::RawEntry;
using test::RecordingSink;
using testing::ElementsAre;

class LayerTest : public test::StoreTest {
 protected:
  struct Item {
    Entry entry;
    std::string content;
  };
  static Item file(std::string path, std::string content, unsigned mode = 0644) {
    Entry entry{.path = std::move(path), .mode = mode, .mtime_seconds = 1000, .size_bytes = content.size()};
    return {entry, std::move(content)};
  }
  static Item other(std::string path, EntryType type, std::string target = {}) {
    return {Entry{.path = std::move(path), .type = type, .mode = 0755, .link_target = std::move(target)}, {}};
  }
  Result<WrittenLayer> write(const std::vector<Item>& items, const LayerOptions& options = {},
                             std::vector<EntrySink*> tees = {}) {
    SCANGATE_TRY(LayerWriter writer, LayerWriter::create(*store_, options, std::move(tees)));
    for (const Item& item : items) {
      StringSource content(item.content);
      SCANGATE_CHECK(writer.add(item.entry, item.content.empty() ? nullptr : &content));
    }
    return writer.finish();
  }
  std::vector<std::string> read(const WrittenLayer& layer) {
    RecordingSink sink;
    const auto result = stored_layer(*store_, layer.blob, layer.diff_id)->read(sink);
    EXPECT_TRUE(result) << result.error().text();
    return sink.lines;
  }
  // The layer's uncompressed bytes in a file, for other programs.
  std::filesystem::path plain_file(const WrittenLayer& layer) {
    auto fd = store_->open_blob(layer.blob.digest);
    FdSource source(std::move(*fd), "blob");
    auto text = read_all(*decompressed(source, "blob", 1U << 30U), 1U << 30U);
    EXPECT_TRUE(text);
    const std::filesystem::path path = folder() / "layer.tar";
    EXPECT_TRUE(write_file_atomic(path, as_bytes(*text)));
    return path;
  }
};

// All kinds of entries that a layer may hold.
std::vector<std::pair<Entry, std::string>> every_kind() {
  const std::string long_name = std::string(90, 'l') + "/" + std::string(120, 'n');
  std::vector<std::pair<Entry, std::string>> out;
  const auto add = [&](Entry entry, std::string content = {}) {
    entry.size_bytes = content.size();
    out.emplace_back(std::move(entry), std::move(content));
  };
  add({.path = "etc", .type = EntryType::directory, .mode = 0755, .mtime_seconds = 1});
  add({.path = "etc/passwd", .mode = 0644, .mtime_seconds = 2}, "root");
  add({.path = "etc/empty", .mode = 0600});
  add({.path = "etc/link", .type = EntryType::symlink, .mode = 0777, .link_target = "../usr/x"});
  add({.path = "etc/hard", .type = EntryType::hardlink, .mode = 0644, .link_target = "etc/passwd"});
  add({.path = "dev-null", .type = EntryType::character_device, .mode = 0666, .device_major = 1, .device_minor = 3});
  add({.path = "dev-big", .type = EntryType::block_device, .mode = 0660, .device_major = 259, .device_minor = 1000000});
  add({.path = "pipe", .type = EntryType::fifo, .mode = 0640});
  add({.path = "su", .mode = 04755, .uid = 5, .gid = 6}, "#!");
  add({.path = "big-ids", .mode = 0644, .uid = 3'000'000'000, .gid = 4'000'000'000});
  add({.path = "old", .mode = 0644, .mtime_seconds = -5});
  add({.path = "future", .mode = 0644, .mtime_seconds = 0x3'0000'0000});
  add({.path = long_name, .mode = 0644}, "long");
  add({.path = std::string(130, 'd') + "/" + std::string(120, 'n'), .type = EntryType::directory, .mode = 0755});
  add({.path = "long-link", .type = EntryType::symlink, .mode = 0777, .link_target = std::string(150, 't')});
  add({.path = "caf\xc3\xa9", .mode = 0644}, "utf-8");
  add({.path = "latin\xe9", .mode = 0644}, "bytes");
  add({.path = "latin-\xe9-" + std::string(300, 'x'), .mode = 0644});
  add({.path = "cap",
       .mode = 0755,
       .xattrs = {{"security.capability", std::string("\x01\0\0\x02\0\x20\0\0", 8)}, {"user.note", "a=b\nc"}}},
      "x");
  add({.path = ".wh.gone", .mode = 0});
  add({.path = "etc/.wh..wh..opq", .mode = 0644});
  return out;
}

TEST_F(LayerTest, EveryKindOfEntryComesBackAsItWasWritten) {
  for (const Compression compression : {Compression::none, Compression::gzip, Compression::zstd}) {
    std::vector<Item> items;
    std::vector<std::string> expected;
    for (auto& [entry, content] : every_kind()) {
      items.push_back({entry, content});
      expected.push_back(describe(entry) + (content.empty() ? "" : fmt::format(" '{}'", content)));
    }
    RecordingSink tee;
    const auto layer = write(items, {.compression = compression}, {&tee});
    ASSERT_TRUE(layer) << layer.error().text();
    EXPECT_EQ(layer->entries, items.size());
    EXPECT_EQ(layer->blob.media_type, layer_media_type(compression));
    EXPECT_EQ(tee.lines, expected);
    EXPECT_EQ(read(*layer), expected);
    const auto found = store_->find_layer(layer->diff_id);
    ASSERT_TRUE(found && *found);
    EXPECT_EQ(layer->tar_bytes % 512, 0U);
  }
}

TEST_F(LayerTest, GnuTarListsTheSameEntries) {
  if (!test::have("tar")) GTEST_SKIP() << "no tar on PATH";
  std::vector<Item> items;
  for (auto& [entry, content] : every_kind())
    if (entry.path.find('\xe9') == std::string::npos) items.push_back({entry, content});
  const auto layer = write(items);
  ASSERT_TRUE(layer) << layer.error().text();
  std::string list = run({"tar", "--numeric-owner", "--full-time", "--utc", "-tvf", plain_file(*layer)});
  // The columns grow with the widest entry before.
  list.erase(std::unique(list.begin(), list.end(), [](char a, char b) { return a == ' ' && b == ' '; }), list.end());
  EXPECT_THAT(list, testing::HasSubstr("-rwsr-xr-x 5/6 2 1970-01-01 00:00:00 su\n"));
  EXPECT_THAT(list, testing::HasSubstr("hrw-r--r-- 0/0 0 1970-01-01 00:00:00 etc/hard link to etc/passwd\n"));
  EXPECT_THAT(list, testing::HasSubstr("brw-rw---- 0/0 259,1000000 1970-01-01 00:00:00 dev-big\n"));
  EXPECT_THAT(list, testing::HasSubstr("3000000000/4000000000"));
  EXPECT_THAT(list, testing::HasSubstr(std::string(90, 'l') + "/" + std::string(120, 'n') + "\n"));
  EXPECT_THAT(list, testing::HasSubstr("long-link -> " + std::string(150, 't') + "\n"));
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), static_cast<std::ptrdiff_t>(items.size()));
}

TEST_F(LayerTest, SameEntriesGiveTheSameBytes) {
  std::string large(5'000'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<char>((i * i) >> 7U);
  const auto first = write({file("a", large), file("b", "b")});
  const auto second = write({file("a", large), file("b", "b")});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->blob.digest, second->blob.digest);
  EXPECT_EQ(first->diff_id, second->diff_id);
}

TEST_F(LayerTest, MtimesAreClampedForTarAndTees) {
  RecordingSink tee;
  Item late = file("late", "x");
  late.entry.mtime_seconds = 5000;
  const auto layer = write({file("early", "x"), late}, {.clamp_mtime = TimePoint(std::chrono::seconds(2000))}, {&tee});
  ASSERT_TRUE(layer);
  EXPECT_THAT(tee.lines, ElementsAre("file early 0644 0:0 @1000 1 'x'", "file late 0644 0:0 @2000 1 'x'"));
  EXPECT_EQ(read(*layer), tee.lines);
}

TEST_F(LayerTest, EmptyLayerIsTwoZeroBlocks) {
  const auto layer = write({});
  ASSERT_TRUE(layer);
  EXPECT_EQ(layer->diff_id.digest.str(), "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
  EXPECT_THAT(read(*layer), ElementsAre());
}

TEST_F(LayerTest, FileThatShrankOrGrewIsRefused) {
  for (const std::string content : {"123", "12345"}) {
    Item item = file("data", content);
    item.entry.size_bytes = 4;
    const auto layer = write({item});
    ASSERT_FALSE(layer);
    EXPECT_EQ(layer.error().text(), "'data' changed while it was read");
    EXPECT_EQ(layer.error().fault(), Fault::user);
  }
}

TEST_F(LayerTest, UncleanEntriesAreRefused) {
  const std::string path_rule = "its path must be relative, without '..', and below 4096 bytes";
  const std::pair<Item, std::string> cases[] = {
      {file("/abs", "x"), "'/abs' cannot be written to a layer: " + path_rule},
      {file("a/../b", "x"), "'a/../b' cannot be written to a layer: " + path_rule},
      {file("a//b", "x"), "'a//b' cannot be written to a layer: " + path_rule},
      {file("dir/", "x"), "'dir/' cannot be written to a layer: " + path_rule},
      {file(std::string("nul\0x", 5), "x"), "'nul\\x00x' cannot be written to a layer: " + path_rule},
      {file(std::string(4097, 'p'), "x"),
       "'" + std::string(4097, 'p') + "' cannot be written to a layer: " + path_rule},
      {file("", "x"), "'' cannot be written to a layer: the root must be a directory"},
      {other("h", EntryType::hardlink, "../x"),
       "'h' cannot be written to a layer: a hard link's target must be a relative path without '..'"},
  };
  for (const auto& [item, text] : cases) {
    const auto layer = write({item});
    ASSERT_FALSE(layer) << text;
    EXPECT_EQ(layer.error().text(), text);
  }
  EXPECT_TRUE(write({file(std::string(4096, 'p'), "x")}));
}

TEST_F(LayerTest, LayerOfTheHostIsReadWithCleanPaths) {
  RecordingSink sink;
  StringSource tar(raw_tar({{.name = "./", .type = '5', .mode = 0755},
                            {.name = "./etc//a/", .type = '5', .mode = 0700},
                            {.name = "/etc/b", .content = "b"},
                            {.name = "etc/x/../c"},
                            {.name = "etc/h", .type = '1', .link = "./etc/b"}}));
  const auto diff_id = read_tar_entries(tar, sink, "t.tar");
  ASSERT_TRUE(diff_id) << diff_id.error().text();
  EXPECT_THAT(sink.lines, ElementsAre("dir  0755 0:0 @0", "dir etc/a 0700 0:0 @0", "file etc/b 0644 0:0 @0 1 'b'",
                                      "file etc/c 0644 0:0 @0 0", "hardlink etc/h 0644 0:0 @0 -> etc/b"));
}

TEST_F(LayerTest, EscapingEntriesAreRefused) {
  const std::pair<RawEntry, std::string> cases[] = {
      {{.name = "../x"}, "t.tar: entry '../x' leads out of the layer"},
      {{.name = "/a/../../x"}, "t.tar: entry '/a/../../x' leads out of the layer"},
      {{.name = "h", .type = '1', .link = "../../etc/shadow"}, "t.tar: entry 'h' is a hard link out of the layer"},
      {{.name = "."}, "t.tar: entry '.' has no name"},
  };
  for (const auto& [entry, text] : cases) {
    RecordingSink sink;
    StringSource tar(raw_tar({entry}));
    const auto read = read_tar_entries(tar, sink, "t.tar");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().text(), text);
    EXPECT_EQ(read.error().fault(), Fault::user);
  }
}

TEST_F(LayerTest, NamesThatAreNotUtf8SurviveAPaxRecord) {
  RecordingSink sink;
  const std::string name = "dir\xe9/" + std::string(120, 'n');
  StringSource tar(raw_entry({.name = "PaxHeader", .type = 'x', .content = pax_record("path", name)}) +
                   raw_tar({{.name = "short", .content = "x"}}));
  const auto read = read_tar_entries(tar, sink, "t.tar");
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_EQ(sink.entries.size(), 1U);
  EXPECT_EQ(sink.entries[0].path, name);
}

TEST_F(LayerTest, SparseFilesAreFilled) {
  if (!test::have("tar")) GTEST_SKIP() << "no tar on PATH";
  run({"sh", "-c",
       "truncate -s 300000 holes && printf end >> holes && tar --sparse --format=pax -cf sparse.tar holes"});
  {
    auto fd = open_file(folder() / "sparse.tar", 0);
    ASSERT_TRUE(fd);
    FdSource source(std::move(*fd), "sparse.tar");
    RecordingSink sink;
    const auto read = read_tar_entries(source, sink, "sparse.tar");
    ASSERT_TRUE(read) << read.error().text();
    ASSERT_EQ(sink.contents.size(), 1U);
    EXPECT_EQ(sink.contents[0], std::string(300000, '\0') + "end");
  }
}

TEST_F(LayerTest, TruncatedAndForeignStreamsAreRefused) {
  const std::string whole = raw_tar({{.name = "a", .content = std::string(2000, 'a')}});
  const std::pair<std::string, std::string> cases[] = {
      {whole.substr(0, 1000), "t.tar: entry 'a' is damaged: Truncated tar archive"},
      {"this is a text file and no archive at all", "t.tar: not a tar archive: Unrecognized archive format"},
      {std::string("\xfd"
                   "7zXZ\0........",
                   14),
       "t.tar: the compressed stream is damaged: Lzma library error: Corrupted input data"},
      {std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10), "t.tar: the gzip stream is truncated"},
  };
  for (const auto& [bytes, text] : cases) {
    RecordingSink sink;
    StringSource tar(bytes);
    const auto read = read_tar_entries(tar, sink, "t.tar");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().text(), text);
  }
}

TEST_F(LayerTest, ArchivesOfEveryCompressionAreRead) {
  const std::string tar = raw_tar({{.name = "a", .content = std::string(100000, 'a')}, {.name = "b", .content = "b"}});
  ASSERT_TRUE(write_file_atomic(folder() / "t.tar", as_bytes(tar)));
  for (const std::string program : {"gzip", "bzip2", "xz", "zstd"}) {
    if (!test::have(program)) continue;
    StringSource source(run({program, "-c", "t.tar"}));
    RecordingSink sink;
    const auto diff_id = read_tar_entries(source, sink, program);
    ASSERT_TRUE(diff_id) << diff_id.error().text();
    EXPECT_EQ(diff_id->digest, Digest::of(tar)) << program;
    EXPECT_THAT(sink.lines, ElementsAre("file a 0644 0:0 @0 100000", "file b 0644 0:0 @0 1 'b'"));
  }
}

TEST_F(LayerTest, EmptyStreamIsAnEmptyLayer) {
  RecordingSink sink;
  StringSource tar("");
  EXPECT_TRUE(read_tar_entries(tar, sink, "t.tar"));
  EXPECT_THAT(sink.lines, ElementsAre());
}

TEST_F(LayerTest, BytesAfterTheEndMarkerCountForTheDiffId) {
  const std::string tar = raw_tar({{.name = "a"}}) + std::string(3000, 'z');
  RecordingSink sink;
  StringSource source(tar);
  const auto diff_id = read_tar_entries(source, sink, "t.tar");
  ASSERT_TRUE(diff_id) << diff_id.error().text();
  EXPECT_EQ(diff_id->digest, Digest::of(tar));
}

TEST_F(LayerTest, WrongDiffIdAndDamagedBlobAreTold) {
  const WrittenLayer layer = put_layer(raw_tar({{.name = "a", .content = "aaaa"}}));
  RecordingSink sink;
  const DiffId other{Digest::of("other")};
  const auto wrong = stored_layer(*store_, layer.blob, other)->read(sink);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().text(), fmt::format("layer {}: its diffID is {}, the image's config says {}",
                                              layer.blob.digest.str(), layer.diff_id.digest.str(), other.digest.str()));
  const auto path = store_->root() / "blobs/sha256" / layer.blob.digest.hex();
  std::filesystem::resize_file(path, layer.blob.size_bytes - 3);
  const auto damaged = stored_layer(*store_, layer.blob, layer.diff_id)->read(sink);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(
      damaged.error().text(),
      fmt::format("blob {} is damaged in the store (remove its images with 'scangate image rm', prune, and pull or "
                  "build again)",
                  layer.blob.digest.str()));
  EXPECT_EQ(damaged.error().fault(), Fault::host);
  EXPECT_EQ(store_->verify().value_or(std::vector<Digest>{}), std::vector<Digest>{layer.blob.digest});
}

TEST_F(LayerTest, SinkErrorStopsTheReader) {
  class Refusing final : public EntrySink {
   public:
    Result<Want> begin_entry(const Entry&) override { return fail(Fault::host, "no more"); }
    Result<void> content(Bytes) override { return {}; }
    Result<void> end_entry() override { return {}; }
  };
  const WrittenLayer layer = put_layer(raw_tar({{.name = "a", .content = std::string(3'000'000, 'q')}}));
  Refusing sink;
  const auto read = stored_layer(*store_, layer.blob, layer.diff_id)->read(sink);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text(), "no more");
}

TEST_F(LayerTest, CancelledReadStops) {
  const Cancel cancel;
  cancel.cancel();
  RecordingSink sink;
  StringSource tar(raw_tar({{.name = "a"}}));
  const auto read = read_tar_entries(tar, sink, "t.tar", cancel);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text(), "stopped on request");
}

}  // namespace
}  // namespace scangate
