#pragma once
// The nodes of a stack of layers that are still visible, layer by layer.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "scan/inventory/record.h"

namespace scangate::inventory {

struct VisibleNode {
  const LayerNode* node = nullptr;
  std::size_t layer = 0;  // whose entry it is
  std::size_t since = 0;  // first layer whose entry at this path showed the same packages, and all above it did too
};

// Points into the layers it was given: they outlive it.
class MergedView {
 public:
  // Puts `layer` on top. Whiteouts, opaque folders and replaced paths act on what is below only, whatever their order
  // in the layer: OCI image-spec v1.1, layer.md, "Whiteouts".
  void add(const LayerInventory::State& layer, std::size_t index);

  using Nodes = std::map<std::string_view, VisibleNode>;
  const Nodes& nodes() const { return nodes_; }

  // The path that `path` leads to when symlinks are followed as if the image's root were "/"; nullopt for a loop.
  // Symlinks that no layer recorded are taken for what they name.
  std::optional<std::string> resolve(std::string_view path) const;

  // Calls `each(path, node)` for `path` itself and everything below it.
  template <class Each>
  void at_or_below(std::string_view path, Each each) const {
    if (const auto found = nodes_.find(path); found != nodes_.end()) each(found->first, found->second);
    const std::string below = std::string(path) + "/";
    for (auto next = nodes_.lower_bound(below); next != nodes_.end() && next->first.starts_with(below); ++next)
      each(next->first, next->second);
  }

 private:
  void hide(std::string_view path);
  void hide_below(std::string_view path);
  Nodes nodes_;
  std::string below_;  // reused: hide_below() runs once for every file of the image
};

}  // namespace scangate::inventory
