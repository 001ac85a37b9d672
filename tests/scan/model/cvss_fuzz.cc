#include <cstdint>
#include <cstdlib>

#include "scan/model/finding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto score = scangate::cvss_base_score({reinterpret_cast<const char*>(data), size});
  if (score && scangate::severity_of_cvss(*score) == scangate::Severity::unknown) std::abort();
  return 0;
}
