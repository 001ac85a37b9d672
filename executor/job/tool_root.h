#pragma once
// A root file system made of the host's programs, read-only: for the runner's helper stages, for jobs without an image, and in place of tool images.
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "pipeline/sandbox/sandbox.h"

namespace scangate {

struct ToolRoot {
  std::filesystem::path root;        // a folder of mount points
  std::vector<SandboxMount> mounts;  // programs, libraries and the few files of /etc that programs need; writable tmpfs for /tmp, /run, /root, /home
};

// Makes the mount points below `folder` (created when missing; may exist from an earlier stage). Of /etc only what programs need to run is visible: no
// configuration of the runner, of scangate or of other services, and nobody's home.
Result<ToolRoot> make_tool_root(const std::filesystem::path& folder);

// Adds the mount points of a further mount to the root's folder: a folder or an empty file, with its parents.
Result<void> add_tool_root_point(const ToolRoot& root, const SandboxMount& mount);

}  // namespace scangate
