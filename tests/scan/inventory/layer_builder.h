#pragma once
// Layers written by hand: entries go through a LayerCataloger as the reader of a real layer would send them.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "scan/inventory/inventory.h"

namespace scangate {

class LayerBuilder {
 public:
  explicit LayerBuilder(const InventoryOptions& options = {}) : cataloger_(options) {}

  LayerBuilder& file(std::string path, std::string_view text, std::uint32_t mode = 0644) {
    put({.path = std::move(path), .mode = mode, .size_bytes = text.size()}, text);
    return *this;
  }
  LayerBuilder& folder(std::string path) {
    put({.path = std::move(path), .type = EntryType::directory, .mode = 0755}, "");
    return *this;
  }
  LayerBuilder& link(std::string path, std::string target) {
    put({.path = std::move(path), .type = EntryType::symlink, .mode = 0777, .link_target = std::move(target)}, "");
    return *this;
  }
  LayerBuilder& hard_link(std::string path, std::string target, std::uint32_t mode = 0644) {
    put({.path = std::move(path), .type = EntryType::hardlink, .mode = mode, .link_target = std::move(target)}, "");
    return *this;
  }
  // ".wh.<name>", or an opaque folder.
  LayerBuilder& removed(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    std::string whiteout = slash == std::string_view::npos ? "" : std::string(path.substr(0, slash + 1));
    whiteout += ".wh.";
    whiteout += slash == std::string_view::npos ? path : path.substr(slash + 1);
    return file(std::move(whiteout), "");
  }
  LayerBuilder& opaque(std::string_view folder_path) {
    return file((folder_path.empty() ? "" : std::string(folder_path) + "/") + ".wh..wh..opq", "");
  }
  LayerBuilder& entry(const Entry& entry, std::string_view text = "") {
    put(entry, text);
    return *this;
  }

  LayerInventory finish() { return cataloger_.finish(); }

 private:
  // In pieces, as a stream gives them.
  void put(const Entry& entry, std::string_view text) {
    const auto want = cataloger_.begin_entry(entry);
    ASSERT_TRUE(want.has_value());
    constexpr std::size_t kPiece = 1000;
    if (entry.type == EntryType::file && *want == EntrySink::Want::content) {
      for (std::size_t at = 0; at < text.size(); at += kPiece) {
        ASSERT_TRUE(cataloger_.content(as_bytes(text.substr(at, kPiece))).has_value());
      }
    }
    ASSERT_TRUE(cataloger_.end_entry().has_value());
  }
  LayerCataloger cataloger_;
};

// Every layer also goes through its text form: the cache must not change an inventory.
template <class... Builders>
Inventory merged(Builders&... builders) {
  std::vector<LayerInventory> layers;
  const auto add = [&layers](LayerBuilder& builder) {
    const LayerInventory layer = builder.finish();
    auto back = LayerInventory::parse(layer.serialise());
    ASSERT_TRUE(back.has_value()) << back.error().text();
    EXPECT_EQ(back->serialise(), layer.serialise());
    layers.push_back(std::move(*back));
  };
  (add(builders), ...);
  return merge_layers(layers);
}

// "type/name version arch source sourceversion @layer", with the namespace and owner where there is one.
inline std::string line_of(const Package& package) {
  std::string line = package.type + "/";
  if (!package.name_space.empty() && !is_os_package(package)) line += package.name_space + "/";
  line += package.name + " " + package.version;
  if (!package.architecture.empty()) line += " " + package.architecture;
  if (package.source_name != package.name || package.source_version != package.version)
    line += " <" + package.source_name + " " + package.source_version + ">";
  line += " @" + std::to_string(package.layer);
  if (package.owned_by) line += " owned by " + *package.owned_by;
  return line;
}
inline std::vector<std::string> lines_of(const Inventory& inventory) {
  std::vector<std::string> lines;
  for (const Package& package : inventory.packages)
    lines.push_back(line_of(package));
  return lines;
}
// "path@layer: cause", with "!" before those that leave the inventory incomplete.
inline std::vector<std::string> problems_of(const Inventory& inventory) {
  std::vector<std::string> lines;
  for (const InventoryProblem& problem : inventory.problems)
    lines.push_back((problem.incomplete ? "!" : "") + problem.path + "@" + std::to_string(problem.layer) + ": " +
                    problem.cause);
  return lines;
}

inline constexpr std::string_view kDebianRelease =
    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
inline constexpr std::string_view kAlpineRelease = "ID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME=\"Alpine Linux v3.19\"\n";

}  // namespace scangate
