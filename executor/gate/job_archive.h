#pragma once
// Images in files of the job: docker-archive, OCI archive, OCI layout folder.
#include <string>

#include "executor/gate/call.h"
#include "pipeline/command/image_location.h"
#include "pipeline/image/transfer.h"

namespace scangate {

// `platform` absent: every one of an index. Errors: Fault::user for a location that is no file, for one that is not
// there, and for a damaged archive.
Result<Imported> import_from_job(GateCall& call, Store& store, const command::ImageLocation& from,
                                 const std::optional<Platform>& platform, Progress& progress);

// Written in the store first and then copied into the job, so that no link of the job leads a write elsewhere. A layout
// folder must be new or empty of images. `name`: what the archive calls the image when the location does not say.
Result<void> export_to_job(GateCall& call, Store& store, const Digest& manifest_digest, const std::string& name,
                           const command::ImageLocation& to, Progress& progress);

}  // namespace scangate
