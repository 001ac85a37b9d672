#include <cstdint>
#include <string_view>

#include "executor/gate/go_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(scangate::fill_template({reinterpret_cast<const char*>(data), size},
                                            R"({"Id":"x","Tags":["a","b"],"Config":{"Labels":{"a":"b"},"Cmd":null}})"));
  return 0;
}
