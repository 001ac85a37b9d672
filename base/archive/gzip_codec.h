#pragma once
// Two makers of the same gzip format, chosen by what the machine has. Private to this folder and its tests.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace scangate {

// Decompresses gzip members (RFC 1952), one after the other. One thread at a time.
class MemberInflater {
 public:
  enum class Step { more, done, damaged };
  virtual ~MemberInflater() = default;
  virtual void start() = 0;
  // Takes from the front of `in` and fills the front of `out`; `more` without progress means that it needs more input.
  // `done` when the trailer was read and matched.
  virtual Step step(Bytes& in, std::span<std::byte>& out) = 0;
};

// Compresses pieces of one raw deflate stream (RFC 1951) independently of each other, so that several threads can share
// a stream: each piece ends on a byte with a sync flush. One thread at a time.
class PieceDeflater {
 public:
  virtual ~PieceDeflater() = default;
  // Replaces `out`. `dictionary`: what stands before the piece in the stream, at most 32 KiB. Gives the CRC-32 of the
  // piece.
  virtual std::uint32_t deflate(Bytes dictionary, Bytes piece, std::vector<std::byte>& out) = 0;
};

std::unique_ptr<MemberInflater> zlib_inflater();
// `level` as gzip has it, 0 to 9; absent: the library's best bargain.
std::unique_ptr<PieceDeflater> zlib_deflater(std::optional<int> level = {});
// nullptr where the library is not built in.
std::unique_ptr<MemberInflater> isal_inflater();
std::unique_ptr<PieceDeflater> isal_deflater(std::optional<int> level = {});

inline std::unique_ptr<MemberInflater> best_inflater() {
  auto inflater = isal_inflater();
  return inflater ? std::move(inflater) : zlib_inflater();
}
inline std::unique_ptr<PieceDeflater> best_deflater(std::optional<int> level) {
  auto deflater = isal_deflater(level);
  return deflater ? std::move(deflater) : zlib_deflater(level);
}

// CRC-32 of two texts one after the other.
std::uint32_t combine_crc(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes);

}  // namespace scangate
