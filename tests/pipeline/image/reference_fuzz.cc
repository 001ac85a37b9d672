// Any text as an image reference; what is accepted must be stable when written and read again.
#include <cstdint>
#include <cstdlib>

#include "pipeline/image/reference.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using scangate::Reference;
  const auto reference = Reference::parse({reinterpret_cast<const char*>(data), size});
  if (!reference) return 0;
  const auto complete = Reference::parse(reference->str());
  const auto familiar = Reference::parse(reference->familiar());
  if (!complete || *complete != *reference || !familiar || *familiar != *reference) std::abort();
  return 0;
}
