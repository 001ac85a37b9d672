#pragma once
// Named contexts from a command line to what the builder takes. Where folders and layouts lie differs between a job and
// the host; the rest does not.
#include <functional>
#include <string>
#include <vector>

#include "executor/engine/engine.h"
#include "executor/engine/remote_context.h"
#include "pipeline/command/context_flag.h"

namespace scangate {

// How files are reached that a flag names.
struct NamedFiles {
  // A folder, as BuildRequest::context takes it; what it stands on outlives the build.
  std::function<Result<std::filesystem::path>(const std::string& path)> folder;
  // The image of an OCI layout in the store, every platform of it. `tag` may be empty.
  std::function<Result<Digest>(const std::string& path, const std::string& tag)> layout;
  RevealFor reveal;
};

// Adds them to `request`. Gives what they stand on, to be kept until the build is done.
Result<std::vector<RemoteContext>> take_named_contexts(Engine& engine, const std::vector<command::ContextFlag>& flags,
                                                       const NamedFiles& files, BuildRequest& request,
                                                       const Cancel& cancel, Progress& progress);

}  // namespace scangate
