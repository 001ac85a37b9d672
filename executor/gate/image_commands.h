#pragma once
// What commands of a job do with images, whatever program they are written for: docker, kaniko, skopeo and the rest are
// front ends that say in their own words what these give. Nothing leaves but through push(), which is the engine's.
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "executor/broker/broker.h"
#include "executor/engine/engine.h"
#include "executor/engine/logins.h"
#include "executor/gate/call.h"
#include "executor/job/container.h"
#include "pipeline/command/docker.h"
#include "scan/model/remark.h"

namespace scangate {

class JobContainers;

// Where the job comes from, as its server says it. Empty where no server is known.
struct JobOrigin {
  std::string job_url;
  std::string project_url;
  std::string commit;
};

struct GateContext {
  std::string project_dir;         // in the sandbox; Dockerfile places are told relative to it
  std::string cache_namespace;     // the project, for the build cache
  std::shared_ptr<Broker> broker;  // turns the job's placeholders into credentials for their hosts; may be null
  std::vector<SandboxMount>
      folders;  // the job's own, for `docker run -v`: what else it sees cannot be mounted elsewhere
  std::filesystem::path state_folder;   // of this job, on the host: for what lives longer than one command
  const JobNetwork* network = nullptr;  // of the job, which `docker run` joins; null is the host's
  NameFiles names;                      // what containers resolve names with
  LogSections log_sections = LogSections::off;
  JobOrigin origin;
};

// An image of a build command, and what the gate said of its build cache (--cache-to): done when nothing was to be
// sent, or was.
struct BuildOutcome : BuiltImage {
  ExitCode cache_code = ExitCode::done;
};

// Thread-safe. Lives as long as the job's scripts run. Errors are for the job's log: they never hold a secret.
class ImageCommands {
 public:
  // `given`: what the runner got for this job; used where the job itself has no credentials. `engine` outlives it.
  ImageCommands(Engine& engine, std::shared_ptr<CredentialSource> given, GateContext context);
  ~ImageCommands();

  Engine& engine() { return engine_; }
  Store& store() { return *engine_.store(); }
  const GateContext& context() const { return context_; }
  // What `docker run` started: its end is this object's.
  JobContainers& containers() { return *containers_; }

  // Checks the credentials with the registry and keeps them for the job's later commands. `server` as docker login
  // takes it. Gives the registry's name.
  Result<std::string> login(GateCall& call, const std::string& server, Credentials credentials);
  // False when there was no login.
  bool logout(const std::string& server);
  // A value that the job holds, for a request that the gate makes to `host`. Never print, log or store the result where
  // the job can read it.
  std::string reveal(std::string_view text, const std::string& host) const;

  // For this command: its own credentials, then the job's logins, then its files, then what the runner got.
  Registry& registry(GateCall& call);

  // Builds as `asked` and tags with `names`; writes the files that `asked` names (image id, metadata) and tells
  // warnings. A step that failed is in the result, as build_image gives it.
  // What the build checks say of it; nothing is built.
  Result<std::vector<BuildWarning>> check(GateCall& call, const command::BuildRequest& asked);
  Result<BuildOutcome> build(GateCall& call, const command::BuildRequest& asked, const std::vector<Reference>& names,
                             Progress& progress);
  // The same from a Dockerfile that the gate makes itself; `name` stands for it in messages and reports.
  Result<BuiltImage> build_text(GateCall& call, const command::BuildRequest& asked, std::string dockerfile,
                                std::string name, Progress& progress);
  Result<PulledImage> pull(GateCall& call, const Reference& name, const Platform& platform, PullPolicy policy,
                           Progress& progress);
  // Every platform of an index; the digest is then the index's.
  Result<PulledImage> pull_all(GateCall& call, const Reference& name, Progress& progress);
  // An image of the store by name or id, images of this job without a name included; of an index the manifest for
  // `platform`.
  Result<Digest> resolve(std::string_view name_or_id, const Platform& platform = Platform::host()) const;
  // What the name leads to itself: a manifest or an index.
  Result<Digest> resolve_named(std::string_view name_or_id) const;
  // From now on resolve() knows an image of this job by its id, and nothing removes it while the job's script runs.
  Result<void> remember(const Digest& config_digest, const Digest& manifest_digest);
  // The same as resolve(), pulled when the store does not have it.
  Result<Digest> resolve_or_pull(GateCall& call, const std::string& name_or_id);
  // The gate: scan, verdict, upload. Prints the report, in a job's log collapsed with the verdict after it; the scan
  // joins the job's results, and what the gate said weighs on the job. `pushed` is absent when the image stays. An
  // index goes with all its images, or not at all: see Engine::push.
  Result<PushOutcome> push(GateCall& call, const Digest& manifest_digest, const Reference& to, Progress& progress);
  // Scans without pushing, for scanners that the job runs itself. Joins the results, and does not weigh on the job:
  // what the job makes of its own scan is its affair, and the push asks again.
  Result<ScanResult> scan(GateCall& call, const Digest& manifest_digest, const std::string& name);

  // What builds and checks of this job said of Dockerfiles, each once.
  std::vector<Remark> remarks() const;
  // Scans of this job, one for each image and name, in the order of their pushes.
  std::vector<ScanResult> results() const;
  // The heaviest thing a push met: done, stopped or undecided.
  ExitCode worst() const;

 private:
  Result<BuiltImage> finish_build(GateCall& call, const command::BuildRequest& asked,
                                  const std::vector<Reference>& names, BuiltImage built, Progress& progress);
  // --cache-to, under the gate: what it said weighs on the job as for a push.
  Result<ExitCode> send_cache(GateCall& call, const command::BuildRequest& asked, const BuildRequest& request,
                              const std::vector<Reference>& names, const BuiltImage& built, Progress& progress);
  void keep(const ScanResult& result);
  void keep(const std::vector<BuildWarning>& warnings);

  Engine& engine_;
  std::shared_ptr<CredentialSource> given_;
  std::shared_ptr<Logins> logins_ = std::make_shared<Logins>();
  GateContext context_;
  std::unique_ptr<JobContainers> containers_;
  mutable std::mutex mutex_;  // of what follows
  // Images that this job made without a name, by image id; the lease keeps them.
  std::map<Digest, Digest> made_;
  std::optional<Store::Lease> lease_;
  std::vector<ScanResult> results_;
  std::vector<Remark> remarks_;
  ExitCode worst_ = ExitCode::done;
};

}  // namespace scangate
