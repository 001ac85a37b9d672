#pragma once
// Sends one file through a cataloger, the cache's text form and the merge, as a scan does.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "scan/inventory/inventory.h"

namespace scangate {

inline void catalog_one_file(std::string path, const std::uint8_t* data, std::size_t size) {
  LayerCataloger cataloger({.lock_files = true});
  const Entry entry{.path = std::move(path), .mode = 0644, .size_bytes = size};
  if (!cataloger.begin_entry(entry) || !cataloger.content(as_bytes({reinterpret_cast<const char*>(data), size})) ||
      !cataloger.end_entry())
    std::abort();
  const std::string text = cataloger.finish().serialise();
  auto layer = LayerInventory::parse(text);
  if (!layer || layer->serialise() != text) std::abort();
  std::vector<LayerInventory> layers;
  layers.push_back(std::move(*layer));
  static_cast<void>(merge_layers(layers));
}

}  // namespace scangate
