#pragma once
// xz and bzip2 through libarchive's filters. Private to this folder.
#include <memory>
#include <string>

#include "base/archive/decompress.h"

namespace scangate {

// Gives the bytes of `from`, one xz or bzip2 file, decompressed. Errors as decompressed().
Result<std::unique_ptr<ByteSource>> open_filtered(ByteSource& from, Packing packing, const std::string& name);

}  // namespace scangate
