#include <cstdint>

#include "pipeline/dockerfile/debug.h"
#include "pipeline/dockerfile/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto file = scangate::dockerfile::parse_dockerfile({reinterpret_cast<const char*>(data), size}, "Dockerfile");
  if (file) static_cast<void>(scangate::dockerfile::dockerfile_json(*file, {}));
  return 0;
}
