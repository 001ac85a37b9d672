#include "pipeline/build/build.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>

#include "base/text.h"
#include "pipeline/build/image_writer.h"
#include "pipeline/build/shared_cache.h"
#include "pipeline/build/stage_builder.h"
#include "pipeline/dockerfile/checks.h"
#include "pipeline/dockerfile/excerpt.h"
#include "pipeline/dockerfile/parse.h"
#include "scan/inventory/inventory.h"

namespace scangate {

using build::BuildWork;
using build::SourceTree;

namespace {

struct OpenedBuild {
  dockerfile::Dockerfile file;
  dockerfile::IgnoreRules rules;
};

// The error itself is one line, which reports and job logs repeat; what people look at goes to the log before it.
void show_excerpt(const Error& error, std::string_view text, std::string_view name, Progress& progress) {
  const std::string shown = dockerfile::excerpt_of(error, text, name);
  if (!shown.empty()) progress.output("", shown + "\n");
}

Result<OpenedBuild> open_build(const BuildRequest& request, Progress& progress) {
  SCANGATE_TRY(auto tree, SourceTree::open(request.context, "the context", {}));
  const std::string path = request.dockerfile.empty() ? "Dockerfile" : request.dockerfile;
  std::string name = request.dockerfile_name;
  if (name.empty()) name = request.dockerfile_text && request.dockerfile.empty() ? "Dockerfile" : path;
  std::string text;
  if (request.dockerfile_text) {
    text = *request.dockerfile_text;
  } else {
    SCANGATE_TRY(const std::string resolved, build::resolve_path(tree, path));
    SCANGATE_TRY(auto node, tree.node(resolved));
    if (!node)
      return fail(Error(Fault::user, fmt::format("there is no '{}' in the context {}", path, request.context.string()))
                      .remedy("name it with -f"));
    SCANGATE_TRY(text, tree.read_text(resolved, dockerfile::kMaxDockerfileBytes));
  }
  OpenedBuild opened;
  auto file = dockerfile::parse_dockerfile(text, name);
  if (!file) {
    show_excerpt(file.error(), text, name, progress);
    return fail(std::move(file).error());
  }
  opened.file = std::move(*file);
  SCANGATE_TRY(opened.rules,
               build::read_ignore_rules(tree, dockerfile::ignore_file_candidates(build::path_in_root(path))));
  return opened;
}

Result<std::optional<TimePoint>> fixed_time(const BuildRequest& request) {
  if (request.source_date_epoch) return request.source_date_epoch;
  const auto given = request.build_args.find("SOURCE_DATE_EPOCH");
  if (given == request.build_args.end() || given->second.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  const std::string& text = given->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0)
    return fail(Error(Fault::user, fmt::format("the build argument SOURCE_DATE_EPOCH is '{}'", printable(text)))
                    .remedy("give seconds since 1970"));
  return TimePoint(std::chrono::seconds(seconds));
}

// Options of a build's checks: the file's own, and those of a build argument, as BuildKit takes them.
constexpr std::string_view kCheckArgument = "BUILDKIT_DOCKERFILE_CHECK";

struct Checks {
  dockerfile::CheckOptions options;
  std::vector<BuildWarning> found;
};

Result<Checks> run_checks(const OpenedBuild& opened, const dockerfile::ResolvedFile& resolved,
                          const dockerfile::Variables& build_args) {
  const dockerfile::Dockerfile& file = opened.file;
  std::string text = file.check;
  if (const auto given = build_args.find(kCheckArgument); given != build_args.end()) text += ";" + given->second;
  auto options = dockerfile::parse_check_options(text);
  if (!options) return fail(std::move(options).error().at(file.name));
  Checks checks{std::move(*options), {}};
  for (const dockerfile::Warning& each : check_dockerfile(file, resolved, opened.rules, checks.options))
    checks.found.push_back({{file.name, each.place.line}, each.rule, each.text, each.place.column});
  for (const std::string& name : dockerfile::unused_build_args(file, build_args)) {
    if (!name.starts_with("BUILDKIT_"))  // for BuildKit itself, not for the Dockerfile
      checks.found.push_back(
          {{file.name, 0}, "UnusedBuildArg", fmt::format("no ARG takes the build argument '{}'", printable(name))});
  }
  return checks;
}

// `error=true`: what was found fails the build. Unused arguments are the caller's, not the file's.
Result<void> refuse_warnings(const Checks& checks, const std::vector<BuildWarning>& found, Progress& progress,
                             const std::string& name) {
  std::set<std::string> rules;
  for (const BuildWarning& each : found) {
    if (each.rule != "UnusedBuildArg") rules.insert(each.rule);
  }
  if (!checks.options.error || rules.empty()) return {};
  for (const BuildWarning& each : found)
    progress.line(Level::warning, each.str());
  return fail(Error(Fault::user, fmt::format("build checks failed: {}", fmt::join(rules, ", ")))
                  .at(name)
                  .remedy("the file asks for it with check=error=true"));
}

void take_record(const build::StageRecord& record, BuiltImage& built) {
  built.steps += record.steps;
  built.cached_steps += record.cached_steps;
  for (const BuildWarning& each : record.warnings) {
    // Two stages may find one fault of a line they share.
    const auto same = [&](const BuildWarning& other) { return other.str() == each.str(); };
    if (std::ranges::none_of(built.warnings, same)) built.warnings.push_back(each);
  }
}

dockerfile::StageOptions stage_options(const BuildRequest& request) {
  dockerfile::StageOptions options;
  options.build_args.insert(request.build_args.begin(), request.build_args.end());
  options.os = request.platform.os;
  options.architecture = request.platform.architecture;
  options.variant = request.platform.variant;
  const Platform here = Platform::host();
  options.build_os = here.os;
  options.build_architecture = here.architecture;
  options.build_variant = here.variant;
  options.target = request.target;
  options.contexts = build::context_lookup(request);
  return options;
}

}  // namespace

std::filesystem::path git_agent(const BuildRequest& request) {
  for (const BuildSshAgent& agent : request.ssh_agents)
    if (agent.id == "default") return agent.socket;
  return {};
}

std::string BuildWarning::str() const {
  std::string where = place.file;
  if (place.line > 0) where += fmt::format(":{}", place.line);
  if (place.line > 0 && column > 0) where += fmt::format(":{}", column);
  return fmt::format("{}: {} ({})", where, text, rule);
}

Result<std::vector<BuildWarning>> check_build(const BuildRequest& request, Progress& progress) {
  SCANGATE_TRY(const auto opened, open_build(request, progress));
  const auto options = stage_options(request);
  auto resolved = dockerfile::resolve_stages(opened.file, options);
  if (!resolved) {
    show_excerpt(resolved.error(), opened.file.text, opened.file.name, progress);
    return fail(std::move(resolved).error());
  }
  SCANGATE_TRY(auto checks, run_checks(opened, *resolved, options.build_args));
  return std::move(checks.found);
}

std::string inventory_key(const DiffId& diff_id) {
  return fmt::format("{}/{}", diff_id.digest.str(), kCatalogerVersion);
}

namespace {

build::StepCache step_cache(const BuildRequest& request, const BuildHost& host, build::SharedCache& shared) {
  using Reading = build::StepCache::Reading;
  return {
      *host.store,
      {.reading = request.no_cache ? Reading::off : Reading::on,
       .names_of = request.cache_namespace,
       // Under a fixed time every result has the same age.
       .max_age = request.source_date_epoch || request.build_args.contains("SOURCE_DATE_EPOCH") ? std::nullopt
                                                                                                : request.cache_max_age,
       .now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())},
      &shared};
}

// Of all stages, each step once: a stage has those of the one it is built from, too.
std::vector<CacheRecord> all_records(const BuildWork& work) {
  std::vector<CacheRecord> out;
  std::set<std::string> keys;
  for (const auto& stage : work.stages) {
    if (!stage) continue;
    for (const CacheRecord& each : stage->records)
      if (keys.insert(each.key).second) out.push_back(each);
  }
  return out;
}

// What --cache-to needs of every stage that was built: its records, and an image of its layers to judge.
Result<void> keep_cache(BuildWork& work, BuiltImage& built) {
  const auto& targets = work.request.cache_to;
  if (targets.empty()) return {};
  const bool all = std::ranges::any_of(targets, [](const CacheTarget& each) { return each.mode == CacheMode::max; });
  for (std::size_t i = 0; i < work.stages.size(); ++i) {
    if (!work.stages[i]) continue;
    const build::StageState& state = *work.stages[i];
    StageCache stage;
    stage.stage = work.file.stages[i].name.empty() ? fmt::format("stage-{}", i) : work.file.stages[i].name;
    stage.is_result = i == work.resolved.target;
    stage.records = state.records;
    if (stage.is_result && !work.request.form.compression) {
      stage.manifest_digest = built.manifest_digest;
    } else if ((all || stage.is_result) && !state.layers.empty()) {
      // Of a result in another packing, too: records name the layers as the steps left them.
      // A stage that came from a shared cache, and whose layers are not to be had, stays a matter of records.
      SCANGATE_TRY(const bool here, work.cache.try_to_have(state.diff_ids()));
      if (here) {
        BuiltImage image;
        SCANGATE_CHECK(build::write_image(*work.host.store, state, {}, {}, work.file.name, work.started,
                                          work.cancel, image));
        stage.manifest_digest = image.manifest_digest;
      }
    }
    built.cache.push_back(std::move(stage));
  }
  return {};
}

void tell_unknown_stages(const BuildRequest& request, const dockerfile::Dockerfile& file, Progress& progress) {
  for (const std::string& name : request.no_cache_filter) {
    bool found = false;
    for (std::size_t i = 0; i < file.stages.size(); ++i)
      found = found || build::is_stage_called(file, i, name);
    if (!found)
      progress.line(Level::warning, fmt::format("--no-cache-filter: there is no stage '{}'", printable(name)));
  }
}

Result<BuiltImage> build_once(const BuildRequest& request, const BuildHost& host, const BuildHooks& hooks,
                              build::SharedCache& shared, const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(auto opened, open_build(request, progress));
  const auto options = stage_options(request);
  const auto shown = [&](Error error) {
    show_excerpt(error, opened.file.text, opened.file.name, progress);
    return fail(std::move(error));
  };
  auto resolved = dockerfile::resolve_stages(opened.file, options);
  if (!resolved) return shown(std::move(resolved).error());
  SCANGATE_TRY(const auto checks, run_checks(opened, *resolved, options.build_args));
  SCANGATE_CHECK(refuse_warnings(checks, checks.found, progress, opened.file.name));
  tell_unknown_stages(request, opened.file, progress);
  SCANGATE_TRY(const auto epoch, fixed_time(request));
  SCANGATE_TRY(auto context, SourceTree::open(request.context, "the context", std::move(opened.rules)));
  SCANGATE_TRY(const auto lease, host.store->lease());
  build::FileDigests digests(*host.store, context.identity());
  SCANGATE_TRY(auto contexts, build::NamedContexts::open(request, *host.store));
  // The stages' work holds the schedule, which calls it.
  BuildWork* all = nullptr;
  build::StageSchedule schedule(*resolved, [&](std::size_t stage) { return build::StageBuilder(*all, stage).build(); });
  BuildWork work{request,
                 host,
                 hooks,
                 schedule.stop(),
                 progress,
                 opened.file,
                 *resolved,
                 context,
                 digests,
                 contexts,
                 step_cache(request, host, shared),
                 build::StepLog(progress),
                 epoch.value_or(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())),
                 epoch,
                 schedule,
                 std::vector<std::optional<build::StageState>>(opened.file.stages.size()),
                 std::vector<build::StageRecord>(opened.file.stages.size())};
  all = &work;
  if (request.context_material) work.materials.add(*request.context_material);
  for (const NamedContext& each : request.named_contexts)
    if (each.material) work.materials.add(*each.material);
  BuiltImage built;
  auto done = schedule.run(build::stages_at_once(), cancel);
  // What was hashed is worth keeping also when a later step failed.
  auto saved = digests.save();
  if (saved) saved = contexts.save();
  if (!done) return shared.lost() ? fail(std::move(done).error()) : shown(std::move(done).error());
  if (!saved)
    progress.line(Level::warning, "the digests of the context's files could not be kept: " + saved.error().text());
  if (work.used_cache_mounts)
    if (auto swept = build::CacheMounts::sweep_sometimes(host.store->root() / "mounts", host.cache_mounts_bytes,
                                                         kCacheMountsUnused);
        !swept)
      progress.line(Level::warning, "unused cache mounts could not be removed: " + swept.error().text());
  built.warnings = checks.found;
  for (const build::StageRecord& each : work.records)
    take_record(each, built);
  std::erase_if(built.warnings, [&](const BuildWarning& each) { return !checks.options.wants(each.rule); });
  SCANGATE_CHECK(refuse_warnings(checks, built.warnings, progress, opened.file.name));
  if (*done) {
    built.failed_step = std::move(work.records[**done].failed);
    const auto& failed = *built.failed_step;
    const std::string lines = dockerfile::excerpt_lines(opened.file.text, failed.first_line, failed.last_line);
    if (!lines.empty()) progress.output("", lines + "\n");
    return built;
  }
  const build::StageState& result = *work.stages[resolved->target];
  SCANGATE_CHECK(work.cache.have(result.diff_ids()));
  const auto records = request.inline_cache ? std::optional(all_records(work)) : std::nullopt;
  SCANGATE_CHECK(build::write_image(*host.store, result, request.labels, request.form, opened.file.name, work.started,
                                    cancel, built, records ? &*records : nullptr));
  SCANGATE_CHECK(keep_cache(work, built));
  built.materials = work.materials.all();
  built.dockerfile_text = opened.file.text;
  return built;
}

}  // namespace

Result<BuiltImage> build_image(const BuildRequest& request, const BuildHost& host, const BuildHooks& hooks,
                               const Cancel& cancel, Progress& progress) {
  build::SharedCache shared(request.no_cache ? std::vector<CachePlace>() : request.cache_from, request.platform, host,
                            cancel, progress);
  for (;;) {
    auto built = build_once(request, host, hooks, shared, cancel, progress);
    // Steps were taken from a shared cache whose layers are not to be had: what was done meanwhile is cached here.
    if (built || !shared.lost() || cancel.cancelled()) return built;
    progress.line(Level::info, "beginning anew without them");
    shared.begin_anew();
  }
}

}  // namespace scangate
