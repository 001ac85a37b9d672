#pragma once
// A copy of selected files for a mount: what was digested is what the step sees, whatever happens to the context
// meanwhile.
#include <filesystem>

#include "base/cancel.h"
#include "pipeline/build/copy_select.h"

namespace scangate::build {

enum class CopyOwners { root, kept };  // the context's files belong to root, as with COPY

// Puts `selected` at `to`, which does not exist yet: a folder or a file. Content is shared where the file system can
// (FICLONE); devices and sockets are left out. Errors: Fault::user when a file changed since it was selected.
Result<void> copy_selected(SourceTree& tree, const SelectedSource& selected, const std::filesystem::path& to,
                           CopyOwners owners, const Cancel& cancel);

}  // namespace scangate::build
