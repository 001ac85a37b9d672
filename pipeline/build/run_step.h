#pragma once
// One RUN: a program in the sandbox on an overlay of the stage so far; what it changed becomes a layer.
#include <optional>
#include <string>
#include <vector>

#include "pipeline/build/build.h"
#include "pipeline/build/stage_state.h"
#include "pipeline/build/step_log.h"

namespace scangate::build {

inline constexpr std::string_view kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct StepMount {
  SandboxMount mount;
  Workspace::PointKind kind = Workspace::PointKind::directory;
};

struct RunStep {
  std::vector<std::string> argv;
  std::vector<std::string> environment;       // of the image and the build arguments
  std::vector<std::string> host_environment;  // proxies: not part of keys
  std::string user;
  std::string directory;  // absolute
  Network network = Network::host;
  std::vector<StepMount> mounts;
  std::vector<SandboxFile> files;               // secrets
  std::vector<std::string> secret_environment;  // "NAME=value"
  StepOptions options;
  std::optional<std::string> script;  // a heredoc with its own interpreter line: argv runs it at kScriptPath
};
inline constexpr std::string_view kScriptPath = "/run/scangate-heredoc";

struct RunResult {
  int exit_code = 0;
  std::string why;  // the step was ended from outside, and this is the reason: "out of memory (limit 512 MB)"
  std::optional<WrittenLayer> layer;  // absent: nothing changed, or it failed
};

// Errors: Fault::user for an unknown user or a program that cannot be started; Fault::host for the sandbox's and the
// store's troubles, and when cancelled.
Result<RunResult> run_step(const RunStep& step, const BuildHost& host, const StageState& state,
                           const LayerOptions& options, StepLog::Step& log, const Cancel& cancel, Progress& progress);

}  // namespace scangate::build
