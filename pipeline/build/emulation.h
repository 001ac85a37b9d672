#pragma once
// Whether programs of another processor can run here. Linux, Documentation/admin-guide/binfmt-misc.rst.
#include <filesystem>

#include "base/error.h"
#include "pipeline/image/model.h"

namespace scangate::build {

inline constexpr const char* kBinfmtFolder = "/proc/sys/fs/binfmt_misc";

// Fine when the host's own processor runs `image`, or qemu-user is registered for it so that it is found in every root
// (flag F). Errors: Fault::user with the remedy; an image without a platform is taken for the host's.
Result<void> check_can_run(const Platform& image, const Platform& host, const std::filesystem::path& binfmt);

}  // namespace scangate::build
