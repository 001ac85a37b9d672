// Any text as manifest, index and config; what is accepted must be stable when written and read again.
#include <cstdint>
#include <cstdlib>

#include "pipeline/image/model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(document_media_type(text));
  if (const auto manifest = parse_manifest(text, "fuzz")) {
    const std::string written = to_json(*manifest);
    const auto again = parse_manifest(written, "fuzz");
    if (!again || to_json(*again) != written) std::abort();
  }
  if (const auto index = parse_index(text, "fuzz")) {
    const std::string written = to_json(*index);
    const auto again = parse_index(written, "fuzz");
    if (!again || to_json(*again) != written) std::abort();
  }
  if (const auto config = parse_config(text, "fuzz")) {
    const std::string written = to_json(*config);
    const auto again = parse_config(written, "fuzz");
    if (!again || to_json(*again) != written) std::abort();
  }
  return 0;
}
