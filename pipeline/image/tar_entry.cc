#include "pipeline/image/tar_entry.h"

namespace scangate {

EntryType entry_type(TarType type) {
  switch (type) {
    case TarType::file:
      return EntryType::file;
    case TarType::directory:
      return EntryType::directory;
    case TarType::symlink:
      return EntryType::symlink;
    case TarType::hardlink:
      return EntryType::hardlink;
    case TarType::character_device:
      return EntryType::character_device;
    case TarType::block_device:
      return EntryType::block_device;
    case TarType::fifo:
      return EntryType::fifo;
  }
  return EntryType::file;
}

}  // namespace scangate
