#pragma once
// A stored layer in another packing: the same diffID, another blob.
#include <optional>

#include "base/cancel.h"
#include "pipeline/image/layer.h"

namespace scangate {

// The layer as `compression` has it: itself when it is so already and no `level` is asked for, what an earlier call
// made, else packed now and checked against `diff_id`. Byte-stable: same layer, packing and level, same blob. Levels as
// in base/archive/compress.h. Errors: Fault::host for a blob that is not the layer; those of the store.
Result<Descriptor> repack_layer(Store& store, const DiffId& diff_id, const Descriptor& blob, Compression compression,
                                std::optional<int> level, const Cancel& cancel);

}  // namespace scangate
