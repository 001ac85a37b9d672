#pragma once
// The one table of exit codes.
#include "base/error.h"
#include "scan/model/verdict.h"

namespace scangate {

enum class ExitCode : int {
  done = 0,         // done and passed
  failed = 1,       // the build or the job's script failed
  invalid = 2,      // wrong usage or invalid input: config, Dockerfile, YAML
  stopped = 3,      // the gate stopped the image
  undecided = 4,    // the gate could not decide: scanner error, no data, stale data
  environment = 5,  // network, registry, disk, missing kernel feature
};

inline int exit_number(ExitCode code) { return static_cast<int>(code); }

inline ExitCode exit_code_of(const Error& error) { return error.fault() == Fault::user ? ExitCode::invalid : ExitCode::environment; }

inline ExitCode exit_code_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
    case Outcome::warn: return ExitCode::done;
    case Outcome::stop: return ExitCode::stopped;
    case Outcome::undecided: break;
  }
  return ExitCode::undecided;
}

}  // namespace scangate
