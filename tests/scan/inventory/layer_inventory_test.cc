#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scan/inventory/path_list.h"
#include "tests/scan/inventory/layer_builder.h"

namespace scangate {
using namespace inventory;
namespace {

std::string sample() {
  LayerBuilder layer;
  layer.file("etc/os-release", kDebianRelease)
      .file("var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n\nrubbish\n")
      .file("var/lib/dpkg/info/a.list", "/usr/lib/python3/dist-packages/x.egg-info\n")
      .link("lib", "usr/lib")
      .folder("usr/lib")
      .file("usr/bin/\xff\n su", "x", 04755)
      .removed("old")
      .opaque("var/cache");
  return layer.finish().serialise();
}

TEST(LayerInventoryText, ReadsBackAsItself) {
  const std::string text = sample();
  const auto back = LayerInventory::parse(text);
  ASSERT_TRUE(back.has_value()) << back.error().text();
  EXPECT_EQ(back->serialise(), text);
}

TEST(LayerInventoryText, IsTheSameForTheSameLayer) {
  EXPECT_EQ(sample(), sample());
}

TEST(LayerInventoryText, OfAnEmptyLayer) {
  const std::string text = LayerInventory().serialise();
  const auto back = LayerInventory::parse(text);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->serialise(), text);
}

TEST(LayerInventoryText, EveryCutIsRefused) {
  const std::string text = sample();
  for (std::size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(LayerInventory::parse(std::string_view(text).substr(0, length)).has_value()) << length;
}

TEST(LayerInventoryText, EveryChangedByteIsRefused) {
  const std::string text = sample();
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(LayerInventory::parse(changed).has_value()) << at;
  }
}

TEST(LayerInventoryText, SaysWhatIsWrong) {
  std::string text = sample();
  EXPECT_EQ(LayerInventory::parse("").error().text(), "cached inventory of a layer is damaged: it has no header");
  EXPECT_EQ(LayerInventory::parse(text + "x").error().text(),
            "cached inventory of a layer is damaged: its digest differs");
  const std::string version = " " + std::to_string(kCatalogerVersion) + " ";
  text.replace(text.find(version), version.size(), " 0 ");
  EXPECT_EQ(LayerInventory::parse(text).error().text(), "cached inventory of a layer was written by another version");
  const std::string body = "1 ";
  EXPECT_EQ(LayerInventory::parse(
                fmt::format("scangate-layer-inventory {} {}\n{}", kCatalogerVersion, Digest::of(body).str(), body))
                .error()
                .text(),
            "cached inventory of a layer is damaged: its content does not add up");
}

TEST(PathListOf, AnyPathsReadsBackInOrder) {
  PathList list;
  const std::string longest(kMaxPathBytes, 'x');
  const std::vector<std::string> paths = {"usr/bin/a", "usr/bin/ab", "usr/bin", "",
                                          "etc/x",     "etc/x",      longest,   longest.substr(1)};
  for (const std::string& path : paths)
    list.add(path);
  list.add(longest + "x");
  const auto back = PathList::decode(list.encoded());
  ASSERT_TRUE(back.has_value());
  std::vector<std::string> read;
  PathList::Reader reader(*back);
  for (std::string_view path; reader.next(path);)
    read.emplace_back(path);
  EXPECT_EQ(read, paths);
}

TEST(PathListOf, DamagedTextIsRefused) {
  for (const std::string& text :
       {std::string("\x05\x01x"), std::string("\x00\x05x", 3), std::string("\xff\xff\xff\xff"), std::string("\x80"),
        std::string("\x00", 1), std::string("\x00\x81\x80\x00", 4)})
    EXPECT_FALSE(PathList::decode(text).has_value());
}

TEST(LayerCataloger, NeverFailsTheStreamOverOddEntries) {
  LayerBuilder layer;
  layer.entry({.path = std::string(kMaxPathBytes, 'x') + "/node_modules/x/package.json", .size_bytes = 2}, "{}")
      .entry({.path = ""})
      .entry({.path = "", .type = EntryType::directory})
      .entry({.path = "a\xff\n", .type = EntryType::block_device})
      .entry({.path = "loop", .type = EntryType::hardlink, .link_target = "loop"});
  const Inventory found = merged(layer);
  EXPECT_THAT(problems_of(found),
              testing::ElementsAre("!@0: the path of a package file is longer than 4096 bytes, not read"));
}

}  // namespace
}  // namespace scangate
