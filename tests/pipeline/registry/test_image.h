#pragma once
// Small images in a store of their own, and what the tests share.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/store.h"

namespace scangate {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(*result);
}
inline void must(Result<void> result) {
  if (!result) throw std::runtime_error(result.error().text());
}

struct TestStore {
  TempDir folder = must(TempDir::make(std::filesystem::temp_directory_path(), "registry-test-"));
  std::shared_ptr<Store> store = must(Store::open(folder.path() / "store"));
};

// Bytes that do not compress, the same for the same seed.
inline std::string noise(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  std::uint64_t state = seed * 2654435761U + 1;
  for (char& c : out) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    c = static_cast<char>(state);
  }
  return out;
}

// An image with one layer for each content; gives the manifest's digest. Stored, not named.
inline Digest make_image(Store& store, const std::vector<std::string>& contents,
                         const Platform& platform = Platform::host()) {
  ImageConfig config;
  config.platform = platform;
  Manifest manifest;
  manifest.media_type = media_type::kOciManifest;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    LayerWriter writer = must(LayerWriter::create(store, {}, {}));
    StringSource content(contents[i]);
    must(writer.add(Entry{.path = "file" + std::to_string(i), .mode = 0644, .size_bytes = contents[i].size()},
                    contents[i].empty() ? nullptr : &content));
    WrittenLayer layer = must(writer.finish());
    config.diff_ids.push_back(layer.diff_id);
    manifest.layers.push_back(layer.blob);
  }
  const std::string config_text = to_json(config);
  manifest.config = {.media_type = std::string(media_type::kOciConfig),
                     .digest = must(store.put_blob(config_text)),
                     .size_bytes = config_text.size()};
  return must(store.put_blob(to_json(manifest)));
}

}  // namespace scangate
