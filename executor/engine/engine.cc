#include "executor/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "executor/engine/facts.h"
#include "pipeline/image/image_index.h"
#include "pipeline/image/transfer.h"
#include "scan/backend/backend.h"
#include "scan/inventory/inventory.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// A policy is written by hand; a megabyte is a mistake.
constexpr std::size_t kMaxPolicyBytes = 1U << 20U;
// Table of the store's cache that holds build_facts_text() by manifest digest.
constexpr std::string_view kFactsTable = "facts";
constexpr std::string_view kInventoryTable = "inventory";

Result<Policy> load_policy(const Settings& settings) {
  if (!settings.policy) return Policy::builtin_default();
  SCANGATE_TRY(const std::string yaml, read_file(*settings.policy, kMaxPolicyBytes));
  return Policy::parse(yaml, settings.policy->string());
}

}  // namespace

struct Engine::State {
  Settings settings;
  std::shared_ptr<Store> store;
  std::shared_ptr<HttpTransport> transport;
  std::unique_ptr<Registry> registry;
  std::optional<Policy> policy;
  std::shared_ptr<AdvisoryDatabase> database;
  std::string no_database;
  const Clock& clock;
  ProcessRunner& runner;
  std::vector<std::string> run_environment;
  std::vector<std::string> tool_environment;  // for programs of the host that builds use: git
  std::mutex mutex;                           // of the two below
  std::unique_ptr<Sandbox> sandbox;
  std::optional<Snapshots> snapshots;
  std::atomic<const JobNetwork*> network = nullptr;

  std::shared_ptr<HttpTransport> build_transport(const JobNetwork* from) const;
  GitSourceOptions git_options(const JobNetwork* from) const;
  Result<Inventory> inventory(const ImageFacts& facts, const Manifest& manifest, const Cancel& cancel,
                              Progress& progress);
  ScanResult undecided(const NamedManifest& image, const Error& error) const;
};

// Proxies of the host for RUN steps: what docker passes from its client configuration.
static std::vector<std::string> proxy_variables(const std::vector<std::string>& environment) {
  std::vector<std::string> out;
  for (const auto& entry : environment) {
    const std::string name = to_lower(entry.substr(0, entry.find('=')));
    if (name == "http_proxy" || name == "https_proxy" || name == "ftp_proxy" || name == "no_proxy")
      out.push_back(entry);
  }
  return out;
}

static NetworkSettings network_settings(const Settings& settings, const std::optional<fs::path>& keep_in) {
  return {.choice = settings.network,
          .host_loopback_ports = settings.allow_host_loopback,
          .state_folder = settings.store / "sandbox",
          .keep_in = keep_in};
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::open(Settings settings, std::shared_ptr<CredentialSource> credentials,
                                             const Clock& clock, ProcessRunner& runner,
                                             const std::vector<std::string>& environment) {
  SCANGATE_TRY(auto store, Store::open(settings.store, settings.names_of));
  SCANGATE_TRY(auto policy, load_policy(settings));
  auto state = std::unique_ptr<State>(new State{.settings = std::move(settings),
                                                .store = std::move(store),
                                                .policy = std::move(policy),
                                                .clock = clock,
                                                .runner = runner,
                                                .run_environment = proxy_variables(environment),
                                                .tool_environment = environment});
  auto database = AdvisoryDatabase::open(state->settings.database);
  if (database)
    state->database = std::move(*database);
  else
    state->no_database = database.error().text();
  state->transport = make_curl_transport(environment);
  state->registry = std::make_unique<Registry>(state->settings.registries, std::move(credentials), state->transport);
  return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

const Settings& Engine::settings() const {
  return state_->settings;
}
const std::shared_ptr<Store>& Engine::store() const {
  return state_->store;
}
Registry& Engine::registry() {
  return *state_->registry;
}
const std::shared_ptr<HttpTransport>& Engine::transport() const {
  return state_->transport;
}
const Policy& Engine::policy() const {
  return *state_->policy;
}
const Clock& Engine::clock() const {
  return state_->clock;
}

Result<Sandbox*> Engine::sandbox(Progress& progress) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->sandbox) {
    const SandboxSettings settings{.runtime = state_->settings.runtime,
                                   .state_folder = state_->settings.store / "sandbox",
                                   .limits = state_->settings.limits};
    SCANGATE_TRY(state_->sandbox, probe_sandbox(settings, state_->runner));
    progress.line(Level::debug, "sandbox: " + state_->sandbox->description());
  }
  return state_->sandbox.get();
}

Result<Snapshots*> Engine::snapshots() {
  const std::lock_guard lock(state_->mutex);
  if (!state_->snapshots) {
    SCANGATE_TRY(state_->snapshots,
                 Snapshots::probe(state_->store, state_->settings.without_mounts ? Snapshots::WithoutMounts::allowed
                                                                                 : Snapshots::WithoutMounts::refused));
  }
  return &*state_->snapshots;
}

Result<std::unique_ptr<JobNetwork>> Engine::make_network(const std::optional<fs::path>& keep_in) {
  return JobNetwork::make(network_settings(state_->settings, keep_in), state_->runner);
}

Result<std::unique_ptr<JobNetwork>> Engine::job_network(const fs::path& state_folder) {
  if (auto kept = JobNetwork::kept(state_folder, network_settings(state_->settings, state_folder))) return kept;
  return make_network();
}

void Engine::use_network(const JobNetwork* network) {
  state_->network = network;
}

// What a Dockerfile asks for comes from where its RUN steps are: a job cannot reach the host's loopback by ADD either.
std::shared_ptr<HttpTransport> Engine::State::build_transport(const JobNetwork* from) const {
  if (from == nullptr || from->is_host()) return transport;
  return make_curl_transport(run_environment, [from](int family, int type, int protocol) {
    return from->open_socket(family, type, protocol);
  });
}

GitSourceOptions Engine::State::git_options(const JobNetwork* from) const {
  GitSourceOptions git{.environment = tool_environment};
  if (from != nullptr && !from->is_host())
    git.network = GitNetwork{.namespace_fd = from->namespace_fd(), .resolv_conf = from->resolv_conf()};
  return git;
}

Result<RemoteContext> Engine::fetch_remote(const std::string& address, const fs::path& agent, const RevealFor& reveal,
                                           const Cancel& cancel, Progress& progress) {
  const JobNetwork* network = state_->network;
  const auto transport = state_->build_transport(network);
  RemoteContextHost host{*state_->store, *transport, state_->runner, state_->git_options(network), reveal};
  host.git.ssh_agent = agent;
  progress.line(Level::info, "fetching " + redact(printable(address)));
  return fetch_remote_context(host, address, cancel);
}

Result<BuiltImage> Engine::build(const BuildRequest& request, const std::vector<Reference>& names, const Cancel& cancel,
                                 Progress& progress, Registry* registry) {
  SCANGATE_TRY(const auto lease, state_->store->lease());
  SCANGATE_TRY(Snapshots * snapshots, this->snapshots());
  Sandbox* sandbox = nullptr;  // without mounts RUN is refused before it would be needed
  if (snapshots->mode() == SnapshotMode::plain) {
    progress.line(Level::info,
                  fmt::format("root file systems are copied, and RUN is refused: {}", snapshots->why_plain()));
  } else {
    SCANGATE_TRY(sandbox, this->sandbox(progress));
  }
  const auto& builds = state_->settings.builds;
  std::optional<std::chrono::seconds> run_timeout;
  if (builds.run_timeout_minutes > 0) run_timeout = std::chrono::minutes(builds.run_timeout_minutes);
  const JobNetwork* network = state_->network;
  const auto transport = state_->build_transport(network);
  const BuildHost host{.store = state_->store,
                       .snapshots = snapshots,
                       .sandbox = sandbox,
                       .network = network,
                       .registry = registry == nullptr ? state_->registry.get() : registry,
                       .transport = transport.get(),
                       .runner = &state_->runner,
                       .git = state_->git_options(network),
                       .run_environment = state_->run_environment,
                       .run_timeout = run_timeout,
                       .cache_mounts_bytes = builds.cache_mounts_bytes.value_or(kCacheMountsBytes)};
  SCANGATE_TRY(auto built, build_image(request, host, {}, cancel, progress));
  if (built.failed_step) return built;
  SCANGATE_CHECK(state_->store->cache_put(kFactsTable, built.manifest_digest.str(), build_facts_text(built.facts)));
  for (const auto& name : names)
    SCANGATE_CHECK(state_->store->tag(name, built.manifest_digest));
  return built;
}

Result<Inventory> Engine::State::inventory(const ImageFacts& facts, const Manifest& manifest, const Cancel& cancel,
                                           Progress& progress) {
  std::vector<LayerInventory> layers;
  for (std::size_t i = 0; i < facts.layers.size(); ++i) {
    if (cancel.cancelled()) return fail(cancelled_error());
    const DiffId& diff_id = facts.layers[i].diff_id;
    SCANGATE_TRY(const auto known, store->cache_get(kInventoryTable, inventory_key(diff_id)));
    // An inventory is its diffID's, and what leaves is the blob: that the two belong together somebody has verified, or
    // the reading below does.
    SCANGATE_TRY(const bool held, store->holds_layer(diff_id, manifest.layers[i].digest));
    if (known && held) {
      if (auto parsed = LayerInventory::parse(*known)) {
        layers.push_back(std::move(*parsed));
        continue;
      }
    }
    progress.line(Level::info,
                  fmt::format("cataloguing layer {}/{} {}", i + 1, facts.layers.size(), diff_id.digest.brief()));
    LayerCataloger cataloger;
    if (auto read = stored_layer(*store, manifest.layers[i], diff_id)->read(cataloger); !read)
      return fail(std::move(read).error().during(fmt::format("cataloguing layer {}", diff_id.digest.str())));
    layers.push_back(cataloger.finish());
    if (!held) SCANGATE_CHECK(store->record_layer(diff_id, manifest.layers[i]));
    SCANGATE_CHECK(store->cache_put(kInventoryTable, inventory_key(diff_id), layers.back().serialise()));
  }
  return merge_layers(layers);
}

Result<Engine::ImageContents> Engine::contents(const Digest& manifest_digest, const std::string& name,
                                               const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(const auto lease, state_->store->lease());
  ImageContents out;
  SCANGATE_TRY(out.image, image_facts(*state_->store, manifest_digest, name));
  SCANGATE_TRY(const auto known, state_->store->cache_get(kFactsTable, manifest_digest.str()));
  // Damaged facts cost the report its line numbers, never the scan.
  if (known && !apply_build_facts(*known, out.image))
    progress.line(Level::warning, "what the build knew of this image is damaged and left out");
  SCANGATE_TRY(const auto manifest, state_->store->manifest(manifest_digest));
  if (manifest.layers.size() != out.image.layers.size())
    return fail(Fault::user, fmt::format("image {} has {} layers in its manifest and {} in its config", name,
                                         manifest.layers.size(), out.image.layers.size()));
  SCANGATE_TRY(out.inventory, state_->inventory(out.image, manifest, cancel, progress));
  return out;
}

Result<ScanResult> Engine::scan(const Digest& manifest_digest, const std::string& name, const Cancel& cancel,
                                Progress& progress) {
  SCANGATE_TRY(auto contents, this->contents(manifest_digest, name, cancel, progress));
  ScanInput input;
  input.image = std::move(contents.image);
  input.inventory = std::move(contents.inventory);
  return scan_native(input, state_->database.get(), state_->no_database, *state_->policy, state_->clock);
}

Result<std::vector<Engine::NamedManifest>> Engine::images_of(const Digest& digest, const std::string& name) const {
  const Store& store = *state_->store;
  SCANGATE_TRY(const auto index, stored_index(store, digest));
  if (!index) return std::vector<NamedManifest>{{digest, name}};
  std::vector<NamedManifest> out;
  std::set<Digest> seen;
  for (const Descriptor& entry : index->manifests) {
    if (!seen.insert(entry.digest).second) continue;
    if (is_index_type(entry.media_type))
      return fail(Error(Fault::user, "an index in an index is not supported").at(name));
    SCANGATE_TRY(const IndexPart part, index_part(store, entry.digest));
    if (part == IndexPart::attestation) continue;
    // By what the image says, not by what the index says of it.
    SCANGATE_TRY(const Descriptor self, index_entry(store, entry.digest));
    out.push_back({entry.digest, fmt::format("{} ({})", name, printable(self.platform->str()))});
  }
  if (out.empty()) return fail(Error(Fault::user, "the index has no image that could be scanned").at(name));
  // An image that statements made an index of: reports go on calling it as before.
  if (out.size() == 1) out.front().name = name;
  return out;
}

ScanResult Engine::State::undecided(const NamedManifest& image, const Error& error) const {
  ScanResult out;
  out.image.name = image.name;
  out.image.manifest_digest = image.manifest_digest;
  out.started = out.ended = clock.now();
  out.verdict = {
      .outcome = Outcome::undecided, .reasons = {"the scan failed: " + error.text()}, .policy = policy->name()};
  return out;
}

Engine::Judgement Engine::judge(const std::vector<NamedManifest>& images, const Cancel& cancel, Progress& progress) {
  Judgement out;
  bool all_may_leave = !images.empty();
  if (images.empty()) out.code = ExitCode::undecided;
  for (const auto& image : images) {
    auto scanned = scan(image.manifest_digest, image.name, cancel, progress);
    out.scans.push_back(scanned ? std::move(*scanned) : state_->undecided(image, scanned.error()));
    const Outcome verdict = out.scans.back().verdict.outcome;
    out.code = std::max(out.code, exit_code_of(verdict));
    all_may_leave = all_may_leave && scangate::may_leave(verdict);
  }
  out.may_leave = all_may_leave || state_->settings.enforce != Enforce::strict;
  return out;
}

Result<PushOutcome> Engine::push(const Digest& manifest_digest, const Reference& to, const Cancel& cancel,
                                 Progress& progress, Registry* registry, const OnVerdict& on_verdict) {
  SCANGATE_TRY(const auto lease, state_->store->lease());
  PushOutcome outcome;
  const Enforce enforce = state_->settings.enforce;
  if (enforce != Enforce::off) {
    // From here on only digests: what the names mean meanwhile does not matter.
    SCANGATE_TRY(const auto images, images_of(manifest_digest, to.familiar()));
    for (const auto& image : images)
      progress.line(Level::info, fmt::format("scanning {} before it is pushed", image.name));
    Judgement judged = judge(images, cancel, progress);
    outcome.scans = std::move(judged.scans);
    outcome.code = judged.code;
    if (on_verdict) on_verdict(outcome.scans, judged.may_leave ? Upload::follows : Upload::refused);
    if (!judged.may_leave) return outcome;
  }
  if (cancel.cancelled()) return fail(cancelled_error());
  Registry& through = registry == nullptr ? *state_->registry : *registry;
  SCANGATE_TRY(outcome.pushed, through.push(*state_->store, manifest_digest, to, cancel, progress));
  outcome.code = ExitCode::done;
  return outcome;
}

}  // namespace scangate
