#pragma once
// Reading tar streams: ustar, pax and GNU headers, sparse files filled with zeros. POSIX.1-2017 pax, "ustar Interchange
// Format" and "pax Header Block".
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace scangate {

enum class TarType { file, directory, symlink, hardlink, character_device, block_device, fifo };

// One header, with what pax records and GNU long names say folded in. Nothing is cleaned: paths may be absolute, hold
// "..", or end with "/". Names are bytes, not necessarily UTF-8.
struct TarEntry {
  std::string path;
  TarType type = TarType::file;
  std::uint32_t mode = 0;  // permission, setuid, setgid and sticky bits
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::int64_t mtime_seconds = 0;
  std::uint64_t size_bytes = 0;  // of a file's content with holes filled, as announced
  std::string link_target;
  std::uint64_t device_major = 0;
  std::uint64_t device_minor = 0;
  std::map<std::string, std::string> xattrs;  // SCHILY.xattr.* and LIBARCHIVE.xattr.* records
};

// Reads one uncompressed tar stream to its end marker; an empty stream and two zero blocks are empty archives. The
// caller drains what follows the marker. One thread at a time. Errors: those of the source; Fault::user with `name` as
// place for what is not a tar stream, damaged or truncated.
class TarReader {
 public:
  // `from` outlives the reader.
  static Result<TarReader> open(ByteSource& from, std::string_view name);
  TarReader(TarReader&&) noexcept;
  TarReader& operator=(TarReader&&) noexcept;
  ~TarReader();

  // The next entry, nullptr after the last; valid until the next call. Content not read is skipped.
  Result<const TarEntry*> next();
  // Content of the current file; 0 at its end.
  Result<std::size_t> read(std::span<std::byte> buffer);

 private:
  struct State;
  explicit TarReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
