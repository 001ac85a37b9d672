#pragma once
// Decompression by content: what a layer's media type says is not always true.
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace scangate {

enum class Packing { none, gzip, zstd, xz, bzip2 };
std::string_view packing_name(Packing packing);
// From the first bytes (six suffice); anything unknown is `none`.
Packing packing_of(Bytes head);

// What may be unpacked: layers come as gzip, zstd or plain; archives that people make also as xz and bzip2.
enum class Allowed { layers, archives };

// Gives the bytes of `from` decompressed: gzip with any number of members (RFC 1952), zstd frames (RFC 8878, windows up
// to 128 MiB), with Allowed::archives also xz and bzip2, or as they are. Checksums are verified. Never gives more than
// `cap_bytes`. One thread at a time; `from` outlives the source. Errors: those of `from`; Fault::user with `name` as
// place for damaged, truncated or too large input, bytes after the last member, and packings not allowed.
std::unique_ptr<ByteSource> decompressed(ByteSource& from, std::string name, std::uint64_t cap_bytes,
                                         Allowed allowed = Allowed::layers);

}  // namespace scangate
