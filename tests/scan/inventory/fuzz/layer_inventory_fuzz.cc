#include <cstdint>
#include <cstdlib>

#include "base/digest.h"
#include "scan/inventory/inventory.h"

// The input is the text after the header, whose digest would stop every mutation.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  auto layer = LayerInventory::parse(
      fmt::format("scangate-layer-inventory {} {}\n{}", kCatalogerVersion, Digest::of(body).str(), body));
  if (!layer) return 0;
  const std::string text = layer->serialise();
  auto again = LayerInventory::parse(text);
  if (!again || again->serialise() != text) std::abort();
  std::vector<LayerInventory> layers;
  layers.push_back(std::move(*layer));
  layers.push_back(std::move(*again));
  static_cast<void>(merge_layers(layers));
  return 0;
}
