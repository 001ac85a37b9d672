#pragma once
// The tar headers of our layers. POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header". Private to
// this folder.
#include <string>

#include "base/error.h"
#include "scan/view/view.h"

namespace scangate {

inline constexpr std::size_t kTarBlock = 512;

// Padding after `size_bytes` of content up to a whole block.
inline std::size_t tar_padding(std::uint64_t size_bytes) {
  return static_cast<std::size_t>((kTarBlock - size_bytes % kTarBlock) % kTarBlock);
}

// The header blocks in front of an entry's content: one ustar header, and before it a pax header when the entry does
// not fit into ustar. No user and group names, so that the same entries give the same bytes on every host. Errors:
// Fault::user for what tar cannot hold (a "=" in the name of an xattr).
Result<std::string> tar_header(const Entry& entry);

}  // namespace scangate
