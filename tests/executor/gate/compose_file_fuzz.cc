#include <cstdint>
#include <string>

#include "executor/gate/compose_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(scangate::read_compose(
      {{"compose.yaml", text}}, [](std::string_view name) -> std::optional<std::string> { return std::string(name); }));
  return 0;
}
