#pragma once
// --cache-to: what a build left for other hosts, sent under the gate's rule.
#include "executor/engine/engine.h"

namespace scangate {

struct CacheOutcome {
  // done; or what a push of the result would have come to: stopped, undecided. Then no registry got anything.
  ExitCode code = ExitCode::done;
};

// Writes the cache of a build to all `targets`. To a registry go only layers of images that were scanned and may leave:
// the result is judged first, and when it may not leave, nothing is sent. With CacheMode::max the other stages are
// judged too; of one that may not leave the layers are left out, which is told and is no failure: nobody asked to
// publish that stage. A folder is the caller's own, and gets all, as `docker save` would. Told to `on_verdict` when the
// result was scanned. `name` is the result's in the report. Errors: a target that cannot be written and does not ignore
// that. `registry`: as in Engine::build().
Result<CacheOutcome> export_cache(Engine& engine, const std::vector<CacheTarget>& targets,
                                  const std::vector<StageCache>& stages, const std::string& name, const Cancel& cancel,
                                  Progress& progress, Registry* registry = nullptr, const OnVerdict& on_verdict = {});

}  // namespace scangate
