#include <cstdint>

#include "pipeline/dockerfile/ignore.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto rules = scangate::dockerfile::IgnoreRules::parse(text, ".dockerignore");
  if (!rules) return 0;
  for (const char* path : {"a", "a/b/c", "node_modules/x/y.js", "README.md", "\xFF/\xC3"}) {
    // A directory that may be skipped must not hold anything that is kept.
    if (rules->ignored(path) && rules->can_skip_below(path) && !rules->ignored(std::string(path) + "/x"))
      __builtin_trap();
  }
  return 0;
}
