#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "pipeline/build/stage_builder.h"
#include "pipeline/image/image_index.h"
#include "scan/inventory/inventory.h"

namespace scangate::build {

using dockerfile::BaseKind;

namespace {

// What a name of the store means for a platform. For this host whatever was built or pulled under it; for another one
// only an image of that platform: nullopt when it has to be pulled.
Result<std::optional<Digest>> stored_for_platform(const Store& store, const Digest& named, const Platform& platform) {
  SCANGATE_TRY(const auto index, stored_index(store, named));
  if (index) {
    for (const Descriptor& entry : index->manifests)
      if (entry.platform && platform_matches(platform, *entry.platform)) return std::optional(entry.digest);
    return std::optional<Digest>();
  }
  if (platform_matches(Platform::host(), platform)) return std::optional(named);
  SCANGATE_TRY(const Manifest manifest, store.manifest(named));
  SCANGATE_TRY(const ImageConfig config, store.config(manifest));
  return platform_matches(platform, config.platform) ? std::optional(named) : std::nullopt;
}

}  // namespace

bool is_stage_called(const dockerfile::Dockerfile& file, std::size_t stage, const std::string& name) {
  return to_lower(file.stages[stage].name) == to_lower(name) || name == std::to_string(stage) ||
         name == fmt::format("stage-{}", stage);
}

StageBuilder::StageBuilder(BuildWork& work, std::size_t stage)
    : work_(work), index_(stage), record_(work.records[stage]), stage_(work.file.stages[stage]) {
  steps_ = 1 + static_cast<std::size_t>(std::ranges::count_if(stage_.instructions, [](const Instruction& each) {
             return each.name == "RUN" || each.name == "COPY" || each.name == "ADD" || each.name == "WORKDIR";
           }));
  uses_cache_ = std::ranges::none_of(work.request.no_cache_filter,
                                     [&](const std::string& each) { return is_stage_called(work.file, index_, each); });
}

Error StageBuilder::placed(Error error, dockerfile::Place place) const {
  if (!error.place().empty()) return error;
  if (in_trigger_) return std::move(error).at(trigger_place());
  return std::move(error).at(dockerfile::place_text(work_.file.name, place));
}

std::optional<std::string> StageBuilder::variable(std::string_view name) const {
  // Of an ENV and an ARG with a value the later one counts. The reference says ENV always; BuildKit does this.
  for (const Argument& each : arguments_) {
    if (each.name == name && !each.hidden) return each.value;
  }
  return environment_value(state_.config.environment, name);
}

Result<std::string> StageBuilder::expand(const std::string& text, dockerfile::Place place) const {
  const auto lookup = [&](std::string_view name) {
    auto found = variable(name);
    if (!found) undefined(name, text, place);
    return found;
  };
  auto value = dockerfile::expand_word(text, lookup, work_.file.escape);
  if (!value) return fail(placed(std::move(value).error(), place));
  return value;
}

void StageBuilder::undefined(std::string_view name, std::string_view text, dockerfile::Place place) const {
  // ${name:-word} and its like say themselves what holds then.
  const std::size_t used = text.find(fmt::format("${{{}", name));
  const char after =
      used == std::string_view::npos || used + name.size() + 2 >= text.size() ? '}' : text[used + name.size() + 2];
  if (std::string_view(":-+?").find(after) != std::string_view::npos) return;
  for (const Instruction& each : stage_.instructions) {
    const auto* line = std::get_if<dockerfile::ArgLine>(&each.body);
    if (line != nullptr && std::ranges::find(line->args, name, &dockerfile::ArgName::name) != line->args.end()) return;
  }
  std::vector<std::string> known;
  for (const std::string& each : state_.config.environment)
    known.push_back(each.substr(0, each.find('=')));
  for (const Argument& each : arguments_)
    known.push_back(each.name);
  const auto best = nearest(name, known);
  BuildWarning warning{source_place(place.line), "UndefinedVar",
                       fmt::format("the variable '{}' is not defined{}", printable(name),
                                   best ? fmt::format(" (did you mean '{}'?)", *best) : ""),
                       place.column};
  const auto same = [&](const BuildWarning& each) { return each.str() == warning.str(); };
  if (std::ranges::none_of(record_.warnings, same)) record_.warnings.push_back(std::move(warning));
}

SourcePlace StageBuilder::source_place(int line) const {
  return {work_.file.name, in_trigger_ ? stage_.from.place.line : line};
}

TimePoint StageBuilder::now() const {
  return work_.fixed_time.value_or(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
}

std::string StageBuilder::header(std::string_view what) {
  std::string name = stage_.name;
  if (name.empty()) name = work_.file.stages.size() > 1 ? fmt::format("stage-{}", index_) : "";
  return fmt::format("[{}{}{}/{}] {}", name, name.empty() ? "" : " ", ++step_, steps_, what);
}

void StageBuilder::add_history(std::string created_by, bool empty) {
  History history;
  history.created = state_.layer_time.value_or(work_.started);
  history.created_by = std::move(created_by);
  history.comment = "scangate";
  history.empty_layer = empty;
  state_.config.history.push_back(std::move(history));
}

void StageBuilder::add_layer(const CachedStep& step, std::string created_by) {
  if (!step.layer) {
    add_history(std::move(created_by), true);
    return;
  }
  state_.layer_time = step.created;
  StageLayer layer;
  layer.layer = *step.layer;
  layer.facts.diff_id = step.layer->diff_id;
  layer.facts.created_by = created_by;
  layer.facts.place = source_place(current_->place.line);
  layer.facts.stage = stage_.name.empty() ? std::to_string(index_) : stage_.name;
  state_.layers.push_back(std::move(layer));
  add_history(std::move(created_by), false);
}

Result<void> StageBuilder::put_inventory(const WrittenLayer& layer, LayerCataloger& cataloger) {
  return work_.host.store->cache_put("inventory", inventory_key(layer.diff_id), cataloger.finish().serialise());
}

Result<std::optional<CachedStep>> StageBuilder::find_step(const std::string& key) {
  if (!uses_cache_) return std::nullopt;
  return work_.cache.find(key);
}

Result<bool> StageBuilder::is_known_step(const std::string& key) {
  if (!uses_cache_) return false;
  return work_.cache.is_known(key);
}

void StageBuilder::note_record(const std::string& key, const CachedStep& step, const std::string& known_key) {
  if (work_.request.cache_to.empty() && !work_.request.inline_cache) return;
  CacheRecord record{.key = key, .known_key = known_key, .created = step.created};
  if (step.layer) {
    record.diff_id = step.layer->diff_id;
    record.blob = step.layer->blob;
  }
  state_.records.push_back(std::move(record));
}

StepKey StageBuilder::key(std::string_view kind, KeyParent parent) const {
  StepKey key(kind);
  key.add("platform", state_.platform.str())
      .add("parent", parent == KeyParent::counts ? state_.chain_text() : "")
      .add("compression", layer_media_type(work_.request.compression))
      .add("epoch", work_.fixed_time ? std::to_string(work_.fixed_time->time_since_epoch().count()) : "");
  return key;
}

DestinationView& StageBuilder::view() {
  if (!view_)
    view_ = std::make_unique<DestinationView>(*work_.host.store, *work_.host.snapshots, state_.stack(), state_.mounted,
                                              work_.cancel, work_.progress);
  return *view_;
}

Result<void> StageBuilder::begin_from_image(const std::string& name, const std::optional<Digest>& in_store) {
  const auto place = stage_.from_line().base.place;
  auto reference = Reference::parse(name);
  if (!reference) return fail(placed(std::move(reference).error(), place));
  const Platform& platform = state_.platform;
  auto step = work_.log.begin(header("FROM " + reference->familiar()));
  // Another stage on this image waits, and then finds it in the store.
  SCANGATE_TRY(const auto claim, work_.claims.take("image " + reference->str(), work_.cancel));
  std::optional<Digest> manifest_digest = in_store;
  if (!in_store && !work_.request.pull) {
    SCANGATE_TRY(manifest_digest, work_.host.store->find(*reference));
  }
  const std::optional<Digest> named = manifest_digest;
  if (named) {
    SCANGATE_TRY(manifest_digest, stored_for_platform(*work_.host.store, *named, platform));
  }
  if (in_store && !manifest_digest)
    return fail(placed(Error(Fault::user, fmt::format("{} has no image for {}", reference->familiar(), platform.str())),
                       place));
  const bool was_there = manifest_digest.has_value();
  if (!manifest_digest) {
    if (work_.host.registry == nullptr)
      return fail(placed(
          Error(Fault::user, fmt::format("the base image {} is not in the store", reference->familiar())), place));
    auto pulled = work_.host.registry->pull(*reference, platform,
                                            work_.request.pull ? PullPolicy::always : PullPolicy::if_not_present,
                                            *work_.host.store, work_.cancel, work_.progress);
    if (!pulled)  // the Dockerfile's line leads, the registry's own place stays in the text
      return fail(placed(
          Error(pulled.error().fault(), fmt::format("base image {}: {}", reference->familiar(), pulled.error().text())),
          place));
    manifest_digest = pulled->manifest_digest;
    // The name stays what it was for this host: later builds and `docker run` mean the host's image by it.
    if (!platform_matches(Platform::host(), platform)) {
      if (named)
        SCANGATE_CHECK(work_.host.store->tag(*reference, *named));
      else
        static_cast<void>(work_.host.store->untag(*reference));
    }
  }
  work_.materials.add(image_material(*reference, platform, *manifest_digest));
  SCANGATE_TRY(const Manifest manifest, work_.host.store->manifest(*manifest_digest));
  SCANGATE_TRY(state_.config, work_.host.store->config(manifest));
  if (state_.config.diff_ids.size() != manifest.layers.size())
    return fail(
        placed(Error(Fault::user, fmt::format("the base image {} names {} layers but {} diffIDs", reference->familiar(),
                                              manifest.layers.size(), state_.config.diff_ids.size())),
               place));
  std::vector<const History*> with_layer;
  for (const History& each : state_.config.history) {
    if (!each.empty_layer) with_layer.push_back(&each);
  }
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    StageLayer layer;
    layer.layer = {state_.config.diff_ids[i], manifest.layers[i]};
    layer.facts.diff_id = state_.config.diff_ids[i];
    if (with_layer.size() == manifest.layers.size()) layer.facts.created_by = with_layer[i]->created_by;
    layer.facts.is_base = true;
    layer.facts.place = source_place(stage_.from.place.line);
    layer.facts.stage = stage_.name.empty() ? std::to_string(index_) : stage_.name;
    state_.layers.push_back(std::move(layer));
  }
  state_.config.diff_ids.clear();
  state_.mounted = state_.layers.size();
  state_.layer_time = state_.config.created;
  state_.base_name = name;
  state_.places["FROM"] = source_place(stage_.from.place.line);
  if (was_there)
    step.cached();
  else
    step.done();
  if (work_.hooks.on_base) {
    const std::lock_guard one_at_a_time(work_.asking);
    auto judged = work_.hooks.on_base(name, *manifest_digest);
    if (!judged) return fail(placed(std::move(judged).error(), place));
  }
  return {};
}

Result<void> StageBuilder::begin() {
  current_ = &stage_.from;
  const auto& facts = work_.resolved.stages[index_];
  state_.platform = work_.request.platform;
  if (!facts.platform.empty()) {
    auto platform = Platform::parse(facts.platform);
    if (!platform) return fail(placed(std::move(platform).error(), stage_.from.place));
    state_.platform = std::move(*platform);
  }
  switch (facts.base.kind) {
    case BaseKind::scratch: {
      auto step = work_.log.begin(header("FROM scratch"));
      step.cached();
      state_.config.platform = state_.platform;
      state_.places["FROM"] = source_place(stage_.from.place.line);
      break;
    }
    case BaseKind::stage:
      // With its platform: files of another one would be nothing that --platform could change.
      state_ = *work_.stages[facts.base.stage];
      arguments_ = state_.arguments;
      for (Argument& each : arguments_)
        each.hidden = environment_value(state_.config.environment, each.name).has_value();
      break;
    case BaseKind::context:
      SCANGATE_CHECK(begin_from_context(facts.base.image));
      break;
    case BaseKind::image:
      SCANGATE_CHECK(begin_from_image(facts.base.image));
      break;
  }
  if (facts.base.kind == BaseKind::stage) ++step_;
  // As Docker's builders: an image always names its PATH, so that `ENV PATH=/x:$PATH` does what it says.
  if (!environment_value(state_.config.environment, "PATH")) state_.config.environment.emplace_back(kDefaultPath);
  return run_triggers();
}

Result<StageEnd> StageBuilder::build() {
  SCANGATE_CHECK(begin());
  if (record_.failed) return StageEnd::failed;
  static const std::vector<Instruction> kNone;
  const bool replaced = work_.resolved.stages[index_].replaced;
  for (const Instruction& instruction : replaced ? kNone : stage_.instructions) {
    if (work_.cancel.cancelled()) return fail(cancelled_error());
    current_ = &instruction;
    if (auto done = apply(instruction); !done) return fail(placed(std::move(done).error(), instruction.place));
    if (record_.failed) return StageEnd::failed;
  }
  view_.reset();
  state_.arguments = std::move(arguments_);
  work_.stages[index_] = std::move(state_);
  return StageEnd::done;
}

}  // namespace scangate::build
