#pragma once
// Build, scan and push joined to the one rule: nothing is uploaded that was not scanned and allowed. The command line
// and the gate of a job both work through this.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/progress.h"
#include "executor/engine/remote_context.h"
#include "executor/exit/exit_code.h"
#include "executor/settings/settings.h"
#include "pipeline/build/build.h"
#include "pipeline/image/snapshot.h"
#include "pipeline/image/store.h"
#include "pipeline/registry/registry.h"
#include "pipeline/sandbox/sandbox.h"
#include "scan/advisory/advisory.h"
#include "scan/model/verdict.h"
#include "scan/policy/policy.h"

namespace scangate {

struct PushOutcome {
  std::vector<ScanResult> scans;      // one; of an index one for each image in it; none under Enforce::off
  std::optional<PushedImage> pushed;  // absent: the gate kept the image here
  ExitCode code = ExitCode::undecided;
};

enum class Upload { refused, follows };
// Told between scan and upload; not called under Enforce::off.
using OnVerdict = std::function<void(const std::vector<ScanResult>& scans, Upload upload)>;

// Thread-safe: a job may run several commands at once.
class Engine {
 public:
  // Opens the store, the policy and the advisory database (whose absence is no Error: scans are then undecided). The
  // sandbox and the snapshots are probed when a build first needs them. `clock` and `runner` outlive the engine.
  static Result<std::unique_ptr<Engine>> open(Settings settings, std::shared_ptr<CredentialSource> credentials,
                                              const Clock& clock, ProcessRunner& runner,
                                              const std::vector<std::string>& environment);
  ~Engine();

  const Settings& settings() const;
  const std::shared_ptr<Store>& store() const;
  Registry& registry();
  // The host's way out: its proxies, kept connections. Shared by everything that speaks HTTP.
  const std::shared_ptr<HttpTransport>& transport() const;
  const Policy& policy() const;
  const Clock& clock() const;

  // The sandbox, probed on first use; the line that says which one it is goes to `progress` once.
  Result<Sandbox*> sandbox(Progress& progress);
  Result<Snapshots*> snapshots();
  // A network for one job as the settings have it. While it is used, RUN steps of builds run in it too; it outlives
  // that, and nullptr ends it.
  // `keep_in`: a job's state folder, for a network that is to be kept in it.
  Result<std::unique_ptr<JobNetwork>> make_network(const std::optional<std::filesystem::path>& keep_in = {});
  // The one kept in that folder, else a new one that ends with the object.
  Result<std::unique_ptr<JobNetwork>> job_network(const std::filesystem::path& state_folder);
  void use_network(const JobNetwork* network);

  // Builds, remembers what the builder knows, and tags. `registry` is where base images come from when a command has
  // credentials of its own; null is registry().
  Result<BuiltImage> build(const BuildRequest& request, const std::vector<Reference>& names, const Cancel& cancel,
                           Progress& progress, Registry* registry = nullptr);

  // Fetches a build context from where RUN steps are. `agent`: of ssh, for git; may be empty. See remote_context.h.
  Result<RemoteContext> fetch_remote(const std::string& address, const std::filesystem::path& agent,
                                     const RevealFor& reveal, const Cancel& cancel, Progress& progress);

  struct ImageContents {
    ImageFacts image;  // with what the builder knew of it
    Inventory inventory;
  };
  // What a scan looks at. Layers whose inventory is known are not read. Errors: the store's and the layers'.
  Result<ImageContents> contents(const Digest& manifest_digest, const std::string& name, const Cancel& cancel,
                                 Progress& progress);

  // Scans an image of the store under the current data and policy. Layers whose inventory is known are not read.
  // Errors: the store's and the layers'; callers that guard a push treat each as undecided.
  Result<ScanResult> scan(const Digest& manifest_digest, const std::string& name, const Cancel& cancel,
                          Progress& progress);

  struct NamedManifest {
    Digest manifest_digest;
    std::string name;
  };
  // What is judged before `digest` may leave: itself, or of an index its images, each called by its platform when
  // there are several. Errors:
  // as push() has them for an index.
  Result<std::vector<NamedManifest>> images_of(const Digest& digest, const std::string& name) const;

  // Scans each and says whether all may leave under the settings: the one rule, for whatever is to leave. A scan that
  // fails is undecided, with the reason in its verdict. Not for Enforce::off.
  struct Judgement {
    std::vector<ScanResult> scans;   // in the order of the images
    ExitCode code = ExitCode::done;  // the heaviest
    bool may_leave = false;
  };
  Judgement judge(const std::vector<NamedManifest>& images, const Cancel& cancel, Progress& progress);

  // The gate: scan, verdict, and only then the upload of exactly that digest. A scan that fails is an outcome with
  // ExitCode::undecided and the reason in its verdict; Errors are those of the upload. Of an index every image is
  // scanned, whatever its platform, and all must be allowed, else nothing of it is sent; attestations go with it when
  // they hold nothing but statements. Errors also: an index without an image, or in an index. `registry`: as in
  // build().
  Result<PushOutcome> push(const Digest& manifest_digest, const Reference& to, const Cancel& cancel, Progress& progress,
                           Registry* registry = nullptr, const OnVerdict& on_verdict = {});

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace scangate
