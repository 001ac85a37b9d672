#pragma once
// An image's root file system as one tar.
#include <map>
#include <string>

#include "base/cancel.h"
#include "base/progress.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/snapshot.h"

namespace scangate {

// What a container of it would see, with owners, as a blob of the store that nothing names: `docker build -o
// type=tar`. Devices and file capabilities are kept. `beside`: text files to add in its root, by name.
Result<WrittenLayer> flatten_image(Store& store, Snapshots& snapshots, const Digest& manifest_digest,
                                   const std::map<std::string, std::string>& beside, const Cancel& cancel,
                                   Progress& progress);

}  // namespace scangate
