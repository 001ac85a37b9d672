#include "base/text.h"
#include "pipeline/build/copy_layer.h"
#include "pipeline/build/stage_builder.h"
#include "scan/inventory/inventory.h"

namespace scangate::build {

Result<void> StageBuilder::workdir(const dockerfile::WorkdirLine& line) {
  SCANGATE_TRY(const std::string text, expand(line.path));
  if (text.empty()) return fail(placed(Error(Fault::user, "WORKDIR is empty after expansion"), line.path.place));
  const std::string& before = state_.config.working_directory;
  const std::string directory = "/" + path_in_root(text.starts_with('/') ? text : before + "/" + text);
  // As BuildKit: an absolute one stands in the configuration as it was written.
  state_.config.working_directory = text.starts_with('/') ? text : directory;
  mark("WORKDIR");
  std::string created_by = "WORKDIR " + state_.config.working_directory;
  const std::string step_key = key("workdir/2").add("directory", directory).add("user", state_.config.user).text();
  ++record_.steps;
  auto log = work_.log.begin(header(current_->text));
  SCANGATE_TRY(const auto claim, work_.claims.take(step_key, work_.cancel));
  SCANGATE_TRY(auto cached, find_step(step_key));
  if (cached) {
    ++record_.cached_steps;
    log.cached();
    note_record(step_key, *cached);
    add_layer(*cached, std::move(created_by));
    if (cached->layer) view_.reset();
    return {};
  }
  CachedStep done;
  done.created = now();
  SCANGATE_CHECK(have_layers());
  SCANGATE_TRY(const std::string resolved, resolve_path(view(), path_in_root(directory)));
  SCANGATE_TRY(auto node, view().node(resolved));
  if (node && node->type != EntryType::directory)
    return fail(
        placed(Error(Fault::user, fmt::format("'{}' is a file in the image", printable(directory))), line.path.place));
  if (!node) {
    CopyRules rules;
    rules.now_seconds = done.created.time_since_epoch().count();
    // As BuildKit: a new folder belongs to the USER that will work in it. One whom the image does not know yet is the
    // business of the RUN that wants to be him.
    if (!state_.config.user.empty()) {
      SCANGATE_TRY(const Accounts accounts, accounts_of_image());
      if (auto user = parse_run_user(state_.config.user, accounts)) rules.owner = user->owner;
    }
    CopyPlan plan(view(), std::move(rules));
    SCANGATE_CHECK(plan.ensure_folder(resolved));
    LayerCataloger cataloger;
    SCANGATE_TRY(const WrittenLayer layer, write_copy_layer(*work_.host.store, plan, view(), view(), nullptr, nullptr,
                                                            layer_options(), {&cataloger}, work_.cancel));
    SCANGATE_CHECK(put_inventory(layer, cataloger));
    done.layer = StackedLayer{layer.diff_id, layer.blob};
    view().grow(*done.layer);
  }
  SCANGATE_CHECK(work_.cache.put(step_key, done));
  note_record(step_key, done);
  log.done();
  add_layer(done, std::move(created_by));
  return {};
}

}  // namespace scangate::build
