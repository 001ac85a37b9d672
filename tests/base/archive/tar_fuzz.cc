// Any bytes as a tar stream, compressed or not.
#include <cstdint>

#include "base/archive/decompress.h"
#include "base/archive/tar.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace scangate;
  StringSource bytes(std::string(reinterpret_cast<const char*>(data), size));
  constexpr std::uint64_t kCap = 16U << 20U;
  const auto plain = decompressed(bytes, "fuzz", kCap);
  auto reader = TarReader::open(*plain, "fuzz");
  if (!reader) return 0;
  std::byte buffer[4096];
  std::uint64_t total = 0;
  for (;;) {
    const auto entry = reader->next();
    if (!entry || *entry == nullptr) return 0;
    for (;;) {
      const auto count = reader->read(buffer);
      if (!count || *count == 0) break;
      // Holes of sparse files are not in the stream; its cap does not end them.
      if ((total += *count) > kCap) return 0;
    }
  }
}
