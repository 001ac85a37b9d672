#include <cstdint>

#include "pipeline/dockerfile/debug.h"
#include "pipeline/dockerfile/expand.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(scangate::dockerfile::expand_json(text, '\\'));
  static_cast<void>(
      scangate::dockerfile::expand_words(text, [](std::string_view name) { return std::string(name); }, '`'));
  return 0;
}
