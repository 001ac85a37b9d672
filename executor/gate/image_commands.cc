#include "executor/gate/image_commands.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"
#include "executor/console/last_lines.h"
#include "executor/console/log_section.h"
#include "executor/engine/cache_export.h"
#include "executor/engine/platform_build.h"
#include "executor/gate/build_order.h"
#include "executor/gate/container_table.h"
#include "pipeline/image/image_index.h"
#include "scan/report/report.h"

namespace scangate {
namespace {

// Columns of a job log: browsers show longer lines than terminals do.
constexpr int kLogWidth = 150;
// Dockerfiles of a job times what a large one gets wrong; more help nobody, and each is looked up among the others.
constexpr std::size_t kMaxRemarks = 1'000;
// As in Store::resolve: a shorter prefix of an id is more likely a name.
constexpr std::size_t kMinIdDigits = 12;

// What buildx writes to --metadata-file, as far as it makes sense here.
std::string build_metadata(const BuiltImage& built, const std::vector<Reference>& names) {
  std::string joined;
  for (const auto& name : names)
    joined += (joined.empty() ? "" : ",") + name.str();
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  // An index has no config.
  if (built.config_digest != built.manifest_digest) out["containerimage.config.digest"] = built.config_digest.str();
  out["containerimage.digest"] = built.manifest_digest.str();
  if (!joined.empty()) out["image.name"] = joined;
  return dump_json(out, 2) + "\n";
}

// What is done without a word (-q) gets no section: it would be empty.
bool is_told(const GateCall& call, const Progress& progress) {
  return &progress == &call.console;
}

// `tags`: names that the command gives the image later, when the build itself gives none.
std::string build_title(const BuildRequest& build, const std::vector<Reference>& names, std::vector<std::string> tags) {
  // A build of ten tags is still one line of a log.
  constexpr std::size_t kNamesShown = 3;
  if (!names.empty()) tags.clear();
  for (const auto& name : names)
    tags.push_back(name.familiar());
  if (tags.empty())
    return "Building from " + (build.dockerfile_name.empty() ? std::string("Dockerfile") : build.dockerfile_name);
  const std::size_t shown = std::min(tags.size(), kNamesShown);
  return fmt::format("Building {}{}", fmt::join(tags.begin(), tags.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                     tags.size() > shown ? fmt::format(" and {} more", tags.size() - shown) : "");
}

// The verdict again, after the section that holds the whole report: read without unfolding it.
std::string verdict_text(const ScanResult& scan) {
  std::string out = verdict_line(scan) + "\n";
  if (scan.verdict.outcome == Outcome::stop || scan.verdict.outcome == Outcome::undecided)
    for (const auto& reason : scan.verdict.reasons)
      out += "  - " + printable(reason) + "\n";
  return out;
}

}  // namespace

ImageCommands::ImageCommands(Engine& engine, std::shared_ptr<CredentialSource> given, GateContext context)
    : engine_(engine),
      given_(std::move(given)),
      context_(std::move(context)),
      containers_(std::make_unique<JobContainers>(context_.names.hosts.value_or(""), context_.state_folder)) {}

ImageCommands::~ImageCommands() = default;

std::string ImageCommands::reveal(std::string_view text, const std::string& host) const {
  return context_.broker ? context_.broker->reveal(text, to_lower(host)) : std::string(text);
}

Result<std::string> ImageCommands::login(GateCall& call, const std::string& server, Credentials credentials) {
  const std::string registry = login_registry(server);
  credentials.password = reveal(credentials.password, registry);
  credentials.identity_token = reveal(credentials.identity_token, registry);
  SCANGATE_CHECK(engine_.registry().check_login(registry, credentials, call.cancel));
  logins_->add(registry, std::move(credentials));
  return registry;
}

bool ImageCommands::logout(const std::string& server) {
  return logins_->remove(login_registry(server));
}

Registry& ImageCommands::registry(GateCall& call) {
  if (!call.registry) {
    std::vector<std::shared_ptr<CredentialSource>> sources;
    for (const auto& source :
         {call.given_credentials, std::shared_ptr<CredentialSource>(logins_), call.file_credentials, given_})
      if (source) sources.push_back(source);
    call.registry = engine_.registry().with(chained_credentials(std::move(sources)));
  }
  return *call.registry;
}

Result<std::vector<BuildWarning>> ImageCommands::check(GateCall& call, const command::BuildRequest& asked) {
  SCANGATE_TRY(const BuildOrder order, build_order(call, asked, context_, engine_));
  return check_build(order.request, call.console);
}

Result<BuildOutcome> ImageCommands::build(GateCall& call, const command::BuildRequest& asked,
                                          const std::vector<Reference>& names, Progress& progress) {
  SCANGATE_TRY(const BuildOrder order, build_order(call, asked, context_, engine_));
  SCANGATE_TRY(auto platforms, parse_platforms(asked.platforms));
  if (platforms.empty()) platforms.push_back(order.request.platform);
  BuildOutcome out;
  const auto finish = [&](BuiltImage built) -> Result<BuildOutcome> {
    SCANGATE_TRY(static_cast<BuiltImage&>(out), finish_build(call, asked, names, std::move(built), progress));
    if (!out.failed_step) {
      SCANGATE_TRY(out.cache_code, send_cache(call, asked, order.request, names, out, progress));
    }
    return std::move(out);
  };
  if (!is_told(call, progress)) {
    SCANGATE_TRY(auto built, build_platforms(engine_, order.request, platforms, names, call.cancel, progress,
                                             &registry(call), order.attestations, order.annotations));
    return finish(std::move(built));
  }
  LastLines watched(progress);
  const auto in_section = [&] {
    const LogSection section(call.console, "scangate_build", build_title(order.request, names, asked.tags));
    return build_platforms(engine_, order.request, platforms, names, call.cancel, watched, &registry(call),
                           order.attestations, order.annotations);
  };
  SCANGATE_TRY(auto built, in_section());
  if (built.failed_step && call.console.mode() == ConsoleMode::job) watched.repeat(progress);
  return finish(std::move(built));
}

Result<ExitCode> ImageCommands::send_cache(GateCall& call, const command::BuildRequest& asked,
                                           const BuildRequest& request, const std::vector<Reference>& names,
                                           const BuiltImage& built, Progress& progress) {
  if (request.cache_to.empty()) return ExitCode::done;
  std::string name = names.empty() ? "" : names.front().familiar();
  if (name.empty()) name = asked.tags.empty() ? "the image" : asked.tags.front();
  std::optional<LogSection> section;
  if (is_told(call, progress)) section.emplace(call.console, "scangate_cache", "Sending the build cache");
  auto sent = export_cache(engine_, request.cache_to, built.cache, name, call.cancel, progress, &registry(call),
                           [&](const std::vector<ScanResult>& scans, Upload upload) {
                             if (upload == Upload::follows) return;
                             call.say(render_report(ReportFormat::table, scans, ReportOptions{.width = kLogWidth}));
                             section.reset();
                             for (const ScanResult& scan : scans) {
                               if (call.console.mode() == ConsoleMode::job) call.say(verdict_text(scan));
                               keep(scan);
                             }
                           });
  section.reset();
  SCANGATE_TRY(const CacheOutcome outcome, std::move(sent));
  if (outcome.code == ExitCode::done) return outcome.code;
  {
    const std::lock_guard lock(mutex_);
    worst_ = std::max(worst_, outcome.code);
  }
  call.say("ERROR: the build cache stays here: nothing of it was sent\n");
  return outcome.code;
}

Result<BuiltImage> ImageCommands::build_text(GateCall& call, const command::BuildRequest& asked, std::string dockerfile,
                                             std::string name, Progress& progress) {
  SCANGATE_TRY(BuildOrder order, build_order(call, asked, context_, engine_));
  order.request.dockerfile_text = std::move(dockerfile);
  order.request.dockerfile_name = std::move(name);
  // One line of a script, such as `buildah run`: its output is the script's own, and is not folded away.
  SCANGATE_TRY(auto built, engine_.build(order.request, {}, call.cancel, progress, &registry(call)));
  return finish_build(call, asked, {}, std::move(built), progress);
}

Result<BuiltImage> ImageCommands::finish_build(GateCall& call, const command::BuildRequest& asked,
                                               const std::vector<Reference>& names, BuiltImage built,
                                               Progress& progress) {
  for (const auto& warning : built.warnings)
    progress.line(Level::warning, warning.str());
  keep(built.warnings);
  if (built.failed_step) return built;
  SCANGATE_CHECK(remember(built.config_digest, built.manifest_digest));
  if (!asked.iidfile.empty()) SCANGATE_CHECK(call.files.write(asked.iidfile, built.config_digest.str()));
  if (!asked.metadata_file.empty()) SCANGATE_CHECK(call.files.write(asked.metadata_file, build_metadata(built, names)));
  return built;
}

Result<PulledImage> ImageCommands::pull(GateCall& call, const Reference& name, const Platform& platform,
                                        PullPolicy policy, Progress& progress) {
  std::optional<LogSection> section;
  if (is_told(call, progress)) section.emplace(call.console, "scangate_pull", "Pulling " + name.familiar());
  return registry(call).pull(name, platform, policy, store(), call.cancel, progress);
}

Result<PulledImage> ImageCommands::pull_all(GateCall& call, const Reference& name, Progress& progress) {
  std::optional<LogSection> section;
  if (is_told(call, progress)) section.emplace(call.console, "scangate_pull", "Pulling " + name.familiar());
  return registry(call).pull_all(name, store(), call.cancel, progress);
}

Result<Digest> ImageCommands::resolve_named(std::string_view name_or_id) const {
  {
    std::string_view id = name_or_id;
    if (id.starts_with("sha256:")) id.remove_prefix(7);
    const std::lock_guard lock(mutex_);
    if (id.size() >= kMinIdDigits)
      for (const auto& [config, manifest] : made_)
        if (config.hex().starts_with(id)) return manifest;
  }
  return engine_.store()->resolve(name_or_id);
}

Result<Digest> ImageCommands::resolve(std::string_view name_or_id, const Platform& platform) const {
  SCANGATE_TRY(const Digest named, resolve_named(name_or_id));
  return platform_manifest(*engine_.store(), named, platform);
}

Result<void> ImageCommands::remember(const Digest& config_digest, const Digest& manifest_digest) {
  const std::lock_guard lock(mutex_);
  if (!lease_) {
    SCANGATE_TRY(lease_, engine_.store()->lease());
  }
  made_.insert_or_assign(config_digest, manifest_digest);
  return {};
}

Result<Digest> ImageCommands::resolve_or_pull(GateCall& call, const std::string& name_or_id) {
  if (auto known = resolve(name_or_id)) return known;
  SCANGATE_TRY(const Reference name, Reference::parse(name_or_id));
  SCANGATE_TRY(const auto pulled, pull(call, name, Platform::host(), PullPolicy::if_not_present, call.console));
  return pulled.manifest_digest;
}

void ImageCommands::keep(const ScanResult& result) {
  const std::lock_guard lock(mutex_);
  // A scan and a push of one image are one result, the later one.
  std::erase_if(results_, [&](const ScanResult& known) {
    return known.image.name == result.image.name && known.image.manifest_digest == result.image.manifest_digest;
  });
  results_.push_back(result);
}

Result<PushOutcome> ImageCommands::push(GateCall& call, const Digest& manifest_digest, const Reference& to,
                                        Progress& progress) {
  std::optional<LogSection> section;
  const auto begin_upload = [&] {
    if (is_told(call, progress)) section.emplace(call.console, "scangate_push", "Pushing " + to.familiar());
  };
  if (engine_.settings().enforce == Enforce::off)
    begin_upload();
  else
    section.emplace(call.console, "scangate_scan", "Scanning " + to.familiar());
  auto pushed = engine_.push(manifest_digest, to, call.cancel, progress, &registry(call),
                             [&](const std::vector<ScanResult>& scans, Upload upload) {
                               call.say(render_report(ReportFormat::table, scans, ReportOptions{.width = kLogWidth}));
                               section.reset();
                               for (const ScanResult& scan : scans) {
                                 if (call.console.mode() == ConsoleMode::job) call.say(verdict_text(scan));
                                 keep(scan);  // also when the upload fails or is stopped half-way
                               }
                               if (upload == Upload::follows) begin_upload();
                             });
  section.reset();
  SCANGATE_TRY(auto outcome, std::move(pushed));
  if (engine_.settings().enforce != Enforce::off) {
    const std::lock_guard lock(mutex_);
    worst_ = std::max(worst_, outcome.code);
  }
  if (!outcome.pushed)
    call.say(fmt::format("ERROR: {} stays here: nothing of it was sent to {}\n", to.familiar(), to.registry));
  return outcome;
}

Result<ScanResult> ImageCommands::scan(GateCall& call, const Digest& manifest_digest, const std::string& name) {
  const auto in_section = [&] {
    const LogSection section(call.console, "scangate_scan", "Scanning " + name);
    return engine_.scan(manifest_digest, name, call.cancel, call.console);
  };
  SCANGATE_TRY(auto result, in_section());
  call.print(render_report(ReportFormat::table, {result}, ReportOptions{.width = kLogWidth}));
  keep(result);
  return result;
}

void ImageCommands::keep(const std::vector<BuildWarning>& warnings) {
  const std::lock_guard lock(mutex_);
  for (const auto& warning : warnings) {
    Remark remark{warning.rule, warning.text, warning.place};
    // Of what the command line says no line of the project can be blamed.
    if (warning.place.line < 1 || remarks_.size() >= kMaxRemarks) continue;
    if (std::ranges::find(remarks_, remark) == remarks_.end()) remarks_.push_back(std::move(remark));
  }
}

std::vector<Remark> ImageCommands::remarks() const {
  const std::lock_guard lock(mutex_);
  return remarks_;
}

std::vector<ScanResult> ImageCommands::results() const {
  const std::lock_guard lock(mutex_);
  return results_;
}

ExitCode ImageCommands::worst() const {
  const std::lock_guard lock(mutex_);
  return worst_;
}

}  // namespace scangate
