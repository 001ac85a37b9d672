#include "base/bytes.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace scangate {

Result<void> StringSink::write(Bytes bytes) {
  if (bytes.size() > cap_bytes_ - text_.size())
    return fail(Fault::user, fmt::format("more than {} bytes where a small text was expected", cap_bytes_));
  text_.append(as_text(bytes));
  return {};
}

Result<std::size_t> StringSource::read(std::span<std::byte> buffer) {
  const std::size_t count = std::min(buffer.size(), text_.size() - offset_);
  std::memcpy(buffer.data(), text_.data() + offset_, count);
  offset_ += count;
  return count;
}

Result<std::uint64_t> copy_bytes(ByteSource& from, ByteSink& to, std::uint64_t cap_bytes) {
  std::vector<std::byte> buffer(256 * 1024);
  std::uint64_t total = 0;
  for (;;) {
    SCANGATE_TRY(const std::size_t count, from.read(buffer));
    if (count == 0) return total;
    if (count > cap_bytes - total)
      return fail(Fault::user, fmt::format("stream is longer than the allowed {} bytes", cap_bytes));
    total += count;
    SCANGATE_CHECK(to.write(Bytes(buffer.data(), count)));
  }
}

Result<std::string> read_all(ByteSource& from, std::size_t cap_bytes) {
  StringSink sink(cap_bytes);
  SCANGATE_CHECK(copy_bytes(from, sink));
  return std::move(sink.text());
}

}  // namespace scangate
