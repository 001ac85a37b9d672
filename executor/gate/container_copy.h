#pragma once
// Copying files between a container and the job, or between folders of ours: `docker cp`.
#include <cstddef>
#include <string>

#include "base/cancel.h"
#include "base/error.h"

namespace scangate {

// Trees come from images and jobs. A large one of node_modules has some 200 000 entries, 60 folders deep.
inline constexpr std::size_t kMaxCopiedEntries = 2'000'000;
inline constexpr int kMaxCopiedDepth = 200;

enum class CopiedOwners { ours, kept };

// What `from` (a path in the root `from_root`) holds goes into the folder `to` of the other root; each path and link is
// resolved in its own root, and cannot lead out. Nothing happens when `from` is no folder. Devices, sockets and pipes
// are left out. Errors: Fault::host with the path.
Result<void> copy_content(int from_root, const std::string& from, int to_root, const std::string& to,
                          CopiedOwners owners, const Cancel& cancel);

// As `docker cp from to`: a file or a folder; `to` names a folder it goes into, or what it becomes. "from/." is the
// content alone. Errors: Fault::user with docker's words when there is no such thing.
Result<void> copy_path(int from_root, const std::string& from, int to_root, const std::string& to, CopiedOwners owners,
                       const Cancel& cancel);

}  // namespace scangate
