#pragma once
// How the scan sees the files of an image: entries of layers, as they stream by. Implemented by pipeline/image (reading
// a stored layer and teeing one that is being written) and by tests.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

namespace scangate {

enum class EntryType { file, directory, symlink, hardlink, character_device, block_device, fifo };

// One tar entry of a layer, as it stands there: whiteouts are entries named ".wh.<name>" and ".wh..wh..opq" (OCI
// image-spec v1.1, layer.md, "Whiteouts").
struct Entry {
  std::string path;  // cleaned: no leading "/" or "./", no "..", no trailing "/"; bytes, not necessarily UTF-8; "" is
                     // the root directory
  EntryType type = EntryType::file;
  std::uint32_t mode = 0;  // permission, setuid, setgid and sticky bits only
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_seconds = 0;
  std::uint64_t size_bytes = 0;  // of a file's content; 0 for everything else
  std::string link_target;       // symlink: as it stands; hardlink: cleaned path in the same layer
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::map<std::string, std::string> xattrs;  // "security.capability" -> raw bytes
};

// Gets every entry of a layer in order. For a file: begin_entry, then content() pieces if begin_entry asked for them,
// then end_entry. One thread at a time.
class EntrySink {
 public:
  enum class Want { skip, content };
  virtual ~EntrySink() = default;
  // Want::content only has an effect for files; asking for it costs a copy through content().
  virtual Result<Want> begin_entry(const Entry& entry) = 0;
  virtual Result<void> content(Bytes bytes) = 0;
  virtual Result<void> end_entry() = 0;
};

// A layer that can be read (again) from its start.
class LayerSource {
 public:
  virtual ~LayerSource() = default;
  virtual const DiffId& diff_id() const = 0;
  // Streams all entries; verifies sizes and digest while doing so: an Error for a truncated or altered layer comes at
  // the latest with the end.
  virtual Result<void> read(EntrySink& sink) = 0;
};

}  // namespace scangate
