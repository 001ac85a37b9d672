#pragma once
// What an entry of a tar is in a layer.
#include "base/archive/tar.h"
#include "pipeline/image/layer.h"

namespace scangate {

EntryType entry_type(TarType type);

}  // namespace scangate
