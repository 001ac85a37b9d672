// Any text as a list of cached steps; what is accepted must be stable when written and read again.
#include <cstdint>
#include <cstdlib>

#include "pipeline/build/cache_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto records = parse_cache_config(text, "fuzz")) {
    const std::string written = cache_config_text(*records);
    const auto again = parse_cache_config(written, "fuzz");
    if (!again || cache_config_text(*again) != written) std::abort();
  }
  static_cast<void>(parse_inline_cache(text, "fuzz"));
  return 0;
}
