#pragma once
// From a build command of the job to what the builder is asked, with its context opened inside the job's root.
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/file.h"
#include "executor/engine/attestation_order.h"
#include "executor/gate/image_commands.h"
#include "pipeline/build/build.h"

namespace scangate {

// Owns what `request` refers to: keep it until the build is done.
struct BuildOrder {
  BuildRequest request;
  AttestationOrder attestations;
  std::vector<command::AnnotationFlag> annotations;
  std::vector<UniqueFd> folders;       // contexts that are folders of the job
  std::optional<TempDir> unpacked;     // the context, when it came as a tar
  std::vector<RemoteContext> remotes;  // contexts that were fetched
  std::vector<UniqueFd> agents;        // sockets of the job's ssh agents
  std::vector<UniqueFd> caches;        // folders of the job: --cache-from and --cache-to type=local
};

// Errors: Fault::user for a context that is not there, and for every flag that the builder cannot honour: an image
// built without it would not be what was asked for.
Result<BuildOrder> build_order(GateCall& call, const command::BuildRequest& asked, const GateContext& context,
                               Engine& engine);

}  // namespace scangate
