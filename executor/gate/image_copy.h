#pragma once
// From one place to another, with the gate before every registry: what skopeo copy, crane copy, push and pull, and
// buildah push have in common.
#include "executor/gate/image_commands.h"
#include "executor/gate/job_credentials.h"
#include "pipeline/command/image_location.h"
#include "pipeline/command/registry_login.h"

namespace scangate {

struct CopyEnd {
  command::ImageLocation location;
  command::RegistryLogin login;
};

struct ImageCopy {
  CopyEnd source;
  std::vector<CopyEnd> targets;
  AuthFiles files = AuthFiles::containers;
  Platform platform = Platform::host();
  bool all_platforms = false;  // of an index, instead of `platform` alone
};

struct CopyOutcome {
  Digest manifest_digest;  // or the index's
  int code = 0;            // 3 or 4 when the gate kept it back
};

// Errors: what reading, scanning or writing met. A target that the gate refuses ends the copy with its code.
Result<CopyOutcome> copy_image(ImageCommands& images, GateCall& call, const ImageCopy& copy, Progress& progress);

// The second half, of an image that the store has: 0, or 3 and 4.
Result<int> copy_stored(ImageCommands& images, GateCall& call, const ImageCopy& copy, const Digest& manifest_digest,
                        Progress& progress);

// The first half: into the store, giving the manifest's digest.
Result<Digest> bring_in(ImageCommands& images, GateCall& call, const ImageCopy& copy, Progress& progress);

}  // namespace scangate
