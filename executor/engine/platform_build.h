#pragma once
// One build for several platforms, or with statements about the image: an image for each, and an index of them.
#include "executor/engine/attestation_order.h"
#include "executor/engine/engine.h"
#include "pipeline/command/annotation_flag.h"

namespace scangate {

// Builds `request` once for each of `platforms` (at least one, each once) and tags the index with `names`; for one
// platform without statements it is Engine::build. The result is that of the last platform, with the index's digest for
// manifest and id, and steps of all. A step that failed ends it. Errors: those of Engine::build; Fault::user for an
// annotation of an index where none is made, or of a platform that is not built.
Result<BuiltImage> build_platforms(Engine& engine, BuildRequest request, const std::vector<Platform>& platforms,
                                   const std::vector<Reference>& names, const Cancel& cancel, Progress& progress,
                                   Registry* registry = nullptr, AttestationOrder attestations = {},
                                   const std::vector<command::AnnotationFlag>& annotations = {});

// "linux/amd64", "linux/arm64,linux/arm/v7": the platforms of --platform, each once. Errors: Fault::user.
Result<std::vector<Platform>> parse_platforms(const std::vector<std::string>& texts);

}  // namespace scangate
