// FROM of a named context: an image under another name, or a folder that is the root file system. BuildKit's
// `docker buildx build --build-context`.
#include "pipeline/build/copy_layer.h"
#include "pipeline/build/stage_builder.h"
#include "scan/inventory/inventory.h"

namespace scangate::build {

Result<void> StageBuilder::begin_from_context(const std::string& name) {
  const NamedContext& named = *work_.contexts.find(name);
  if (named.folder.empty()) return begin_from_image(named.image, named.manifest_digest);
  return begin_from_folder(named);
}

// Like FROM scratch and COPY . /, and cached like it: by what is in the folder.
Result<void> StageBuilder::begin_from_folder(const NamedContext& named) {
  state_.config.platform = state_.platform;
  state_.places["FROM"] = source_place(stage_.from.place.line);
  auto log = work_.log.begin(header("FROM the context " + named.name));
  const ContextFiles files = work_.contexts.files(named);
  SCANGATE_TRY(const Selection selection, select_sources(*files.tree, ".", {}, work_.cancel));
  SCANGATE_TRY(const Digest digest, selection_digest(*files.tree, selection.sources, *files.digests, work_.cancel));
  const std::string text = key("context/1").add("content", digest.hex()).text();
  std::string created_by = "FROM context " + named.name;
  SCANGATE_TRY(const auto claim, work_.claims.take(text, work_.cancel));
  SCANGATE_TRY(const auto cached, find_step(text));
  if (cached) {
    log.cached();
    note_record(text, *cached);
    add_layer(*cached, std::move(created_by));
    return {};
  }
  CopyRules rules;
  rules.destination = "/";
  rules.working_directory = "/";
  rules.now_seconds = now().time_since_epoch().count();
  CopyPlan plan(view(), std::move(rules));
  SCANGATE_CHECK(plan.begin());
  for (const SelectedSource& each : selection.sources)
    SCANGATE_CHECK(plan.add(each));
  CachedStep done;
  done.created = now();
  if (!plan.entries().empty()) {
    LayerCataloger cataloger;
    SCANGATE_TRY(const WrittenLayer layer,
                 write_copy_layer(*work_.host.store, plan, view(), view(), files.tree, files.digests, layer_options(),
                                  {&cataloger}, work_.cancel));
    SCANGATE_CHECK(put_inventory(layer, cataloger));
    done.layer = StackedLayer{layer.diff_id, layer.blob};
    view_.reset();
  }
  SCANGATE_CHECK(work_.cache.put(text, done));
  note_record(text, done);
  log.done();
  add_layer(done, std::move(created_by));
  return {};
}

}  // namespace scangate::build
