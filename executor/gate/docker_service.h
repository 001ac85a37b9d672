#pragma once
// Serves docker commands of a job through the engine: the gate proper.
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "executor/broker/broker.h"
#include "executor/engine/engine.h"
#include "executor/engine/logins.h"
#include "executor/gate/server.h"

namespace scangate {

struct GateContext {
  std::string project_dir;      // in the sandbox; Dockerfile places are told relative to it
  std::string cache_namespace;  // the project, for the build cache
  std::shared_ptr<Broker> broker;  // turns the job's placeholders into credentials for their hosts; may be null
};

// Thread-safe. Lives as long as the job's scripts run.
class DockerService {
 public:
  DockerService(Engine& engine, std::shared_ptr<Logins> logins, GateContext context);
  // Exit code for the shim, as docker gives it where docker has one; 3 and 4 where the gate kept an image back.
  int serve(GateRequest& request, const Cancel& cancel);

  // Scans of this job in the order of its pushes.
  std::vector<ScanResult> results() const;
  // The heaviest thing a push met: done, stopped or undecided.
  ExitCode worst() const;

 private:
  struct Call;
  int build(Call& call);
  int push(Call& call);

  Engine& engine_;
  std::shared_ptr<Logins> logins_;
  GateContext context_;
  mutable std::mutex mutex_;
  std::vector<ScanResult> results_;
  ExitCode worst_ = ExitCode::done;
};

}  // namespace scangate
