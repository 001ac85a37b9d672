#include <cstdint>

#include "pipeline/ci/expression.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate::ci;
  Variables variables;
  variables.set("A", "main", VariableOrigin::job);
  variables.set("B", "/^m/", VariableOrigin::job);
  if (const auto expression = Expression::parse({reinterpret_cast<const char*>(data), size}))
    static_cast<void>(expression->holds(variables));
  return 0;
}
