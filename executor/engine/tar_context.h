#pragma once
// A build context that comes as a stream: `docker build -`, or from a URL.
#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/cancel.h"
#include "base/error.h"

namespace scangate {

// Most entries and bytes of a context that comes as a tar. Repositories of a million files exist, and are built from
// folders; this bounds what one command can put on the store's disk.
inline constexpr std::size_t kMaxContextEntries = 1'000'000;
inline constexpr std::uint64_t kMaxContextBytes = 64ULL << 30U;

// `name` begins messages. Unpacks a tar (plain, gzip, zstd, xz, bzip2) into `folder`, which is empty and ours alone:
// files, folders, symlinks and hard links; nothing is written outside whatever the entries say. A stream that is no tar
// is a Dockerfile, and given back as text. Errors: Fault::user for a damaged archive, one with too much in it, or a
// path that leads outside.
Result<std::optional<std::string>> take_tar_context(ByteSource& from, std::string_view name,
                                                    const std::filesystem::path& folder, const Cancel& cancel);

}  // namespace scangate
