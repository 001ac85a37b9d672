#include "tests/scan/inventory/fuzz/one_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scangate::catalog_one_file("app/node_modules/x/package.json", data, size);
  return 0;
}
