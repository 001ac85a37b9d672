#pragma once
// Reading .zip files entry by entry, as OSV exports and wheels come. APPNOTE.TXT 6.3; stored and deflated entries,
// ZIP64.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace scangate {

// What a hostile archive may cost. All are checked while decompressing, not against what the archive announces.
struct ZipCaps {
  std::size_t entries = 2'000'000;           // the largest OSV export holds some 230,000
  std::uint64_t entry_bytes = 64ULL << 20U;  // one uncompressed entry; the largest OSV record is below 10 MB
  std::uint64_t total_bytes = 64ULL << 30U;  // all uncompressed entries
};

// Views into the reader; valid until its next call.
struct ZipEntry {
  std::string_view name;     // bytes as they stand, "/" between folders; not checked for "..": do not use as a path
  std::string_view content;  // CRC verified
};

// Gives the regular files of one archive in its order; folders are skipped. One thread at a time. Errors: Fault::host
// when the file cannot be opened, Fault::user with its path when it is not a zip file, damaged, encrypted or beyond the
// caps.
class ZipReader {
 public:
  static Result<ZipReader> open(const std::filesystem::path& path, const ZipCaps& caps = {});
  ZipReader(ZipReader&&) noexcept;
  ZipReader& operator=(ZipReader&&) noexcept;
  ~ZipReader();
  // nullopt after the last entry.
  Result<std::optional<ZipEntry>> next();

 private:
  struct State;
  explicit ZipReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
