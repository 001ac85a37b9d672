#pragma once
// Streams of bytes in memory-bounded pieces.
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Takes bytes in order. An Error stops the producer and is returned by it.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Result<void> write(Bytes bytes) = 0;
};

// Gives bytes in order; an empty count is the end.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills at most buffer.size() bytes and says how many; 0 only at the end.
  virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;
};

class StringSink final : public ByteSink {
 public:
  // Fails with `Fault::user` once more than `cap_bytes` came in.
  explicit StringSink(std::size_t cap_bytes) : cap_bytes_(cap_bytes) {}
  Result<void> write(Bytes bytes) override;
  std::string& text() { return text_; }

 private:
  std::size_t cap_bytes_;
  std::string text_;
};

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  Result<std::size_t> read(std::span<std::byte> buffer) override;

 private:
  std::string text_;
  std::size_t offset_ = 0;
};

// Copies until the end; gives the number of bytes. Fails when more than `cap_bytes` come.
Result<std::uint64_t> copy_bytes(ByteSource& from, ByteSink& to, std::uint64_t cap_bytes = UINT64_MAX);
// Reads to the end; fails when more than `cap_bytes` come.
Result<std::string> read_all(ByteSource& from, std::size_t cap_bytes);

}  // namespace scangate
