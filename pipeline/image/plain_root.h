#pragma once
// A root file system to read where nothing can be mounted: the layers' files in one folder. Private to this folder.
#include <filesystem>

#include "base/cancel.h"
#include "pipeline/image/lower_view.h"

namespace scangate {

// Whether `folder` can hold unpacked layers without mount rights: whiteouts (mknod(2) of device 0:0, Linux 5.8) and
// opaque marks (user.* attributes). Leaves what it tried there.
Result<void> probe_plain(const std::filesystem::path& folder);

// Puts what `lower` shows into `folder`, which is empty: copies (FICLONE where the disk can), hard links among them
// kept. Not further names of the layers' own files: each new name changes the ctime that others tell them by. Devices
// that this process may not make are left out, as unpacking does. Errors: Fault::host.
Result<void> fill_plain_root(const LowerDirectory& lower, const std::filesystem::path& folder, const Cancel& cancel);

}  // namespace scangate
