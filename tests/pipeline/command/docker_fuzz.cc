#include <cstdint>

#include "base/text.h"
#include "pipeline/command/docker.h"

// One argument a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto arguments = scangate::split({reinterpret_cast<const char*>(data), size}, '\n');
  static_cast<void>(scangate::command::parse_docker(arguments));
  return 0;
}
