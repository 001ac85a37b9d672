#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/build/copy_layer.h"
#include "pipeline/build/stage_builder.h"
#include "scan/inventory/inventory.h"

namespace scangate::build {

using dockerfile::CopyKind;
using dockerfile::CopyLine;

Result<std::vector<SelectedSource>> StageBuilder::select(const CopyLine& line, FileSource& source) {
  std::vector<SelectedSource> selected;
  for (const Word& word : line.sources) {
    SCANGATE_TRY(const std::string path, expand(word));
    if (line.kind == CopyKind::add) {
      const bool remote = path.starts_with("http://") || path.starts_with("https://");
      if (remote) return fail(refused("ADD of a URL", word.place));
      if (path.starts_with("git@") || path.starts_with("git://") || path.starts_with("ssh://"))
        return fail(refused("ADD of a git repository", word.place));
    }
    if (path.empty()) return fail(placed(Error(Fault::user, "the source is empty after expansion"), word.place));
    SCANGATE_TRY(SourceTree * tree, source.tree(work_));
    auto found = select_sources(*tree, path, work_.cancel);
    if (!found) return fail(placed(std::move(found).error(), word.place));
    if (found->found == Found::none)
      work_.warnings.push_back(
          {source_place(word.place.line), "EmptyWildcard", fmt::format("'{}' matches nothing", printable(path))});
    for (SelectedSource& each : found->sources)
      selected.push_back(std::move(each));
  }
  return selected;
}

Result<std::vector<SelectedSource>> StageBuilder::heredoc_sources(const CopyLine& line) const {
  std::vector<SelectedSource> selected;
  for (const dockerfile::Heredoc& doc : line.files) {
    SelectedSource file;
    file.name = doc.name;
    file.text = doc.text();
    if (doc.expand) {
      auto text = dockerfile::expand_word(
          *file.text, [this](std::string_view name) { return variable(name); }, work_.file.escape,
          dockerfile::Quotes::keep);
      if (!text) return fail(placed(std::move(text).error(), doc.place));
      file.text = std::move(*text);
    }
    selected.push_back(std::move(file));
  }
  return selected;
}

Result<CopyPlan> StageBuilder::plan_copy(const CopyLine& line, FileSource& source,
                                         const std::vector<SelectedSource>& selected, const std::string& destination) {
  CopyRules rules;
  rules.destination = destination;
  rules.working_directory = state_.config.working_directory.empty() ? "/" : state_.config.working_directory;
  rules.keep_owners = !source.from_context;
  rules.now_seconds = now().time_since_epoch().count();
  if (line.chown) {
    Accounts accounts;
    SCANGATE_TRY(auto passwd, view().read_text("etc/passwd", kMaxAccountsBytes));
    SCANGATE_TRY(auto group, view().read_text("etc/group", kMaxAccountsBytes));
    accounts.passwd = passwd.value_or("");
    accounts.group = group.value_or("");
    SCANGATE_TRY(const std::string text, expand(*line.chown));
    auto owner = parse_owner(text, accounts);
    if (!owner) return fail(placed(std::move(owner).error(), line.chown->place));
    rules.owner = *owner;
  }
  if (line.chmod) {
    SCANGATE_TRY(const std::string text, expand(*line.chmod));
    auto mode = parse_mode(text);
    if (!mode) return fail(placed(std::move(mode).error(), line.chmod->place));
    rules.mode = *mode;
  }
  // The destination of one pattern that matches several files must be a folder too, but it need not end in '/' when
  // the folder is there; begin() sees to the former, so only words count for it.
  rules.several_sources = line.sources.size() + line.files.size() > 1;
  CopyPlan plan(view(), std::move(rules));
  if (auto begun = plan.begin(); !begun) return fail(placed(std::move(begun).error(), line.destination.place));
  if (selected.size() > 1 && !plan.target_is_folder())
    return fail(placed(Error(Fault::user, "several files match, so the destination must be a folder")
                           .remedy(fmt::format("write '{}/'", printable(destination))),
                       line.destination.place));
  for (const SelectedSource& each : selected) {
    bool archive = false;
    if (line.kind == CopyKind::add && !each.is_folder && !each.text && line.unpack.value_or(true)) {
      SCANGATE_TRY(archive, is_archive(work_.context, each.items.front().item));
    }
    SCANGATE_CHECK(archive ? plan.add_archive(each) : plan.add(each));
  }
  return plan;
}

Result<void> StageBuilder::copy(const CopyLine& line) {
  const auto at = current_->place;
  if (line.link) return fail(refused(current_->name + " --link", at));
  if (line.parents) return fail(refused("COPY --parents", at));
  if (!line.excludes.empty()) return fail(refused(current_->name + " --exclude", line.excludes.front().place));
  if (line.checksum) return fail(refused("ADD --checksum", line.checksum->place));
  if (line.keep_git_folder) return fail(refused("ADD --keep-git-dir", at));

  SCANGATE_TRY(const std::string destination, expand(line.destination));
  SCANGATE_TRY(FileSource source, file_source(line.from));
  std::string created_by = current_->name;
  StepKey base = key("copy/1");
  base.add("kind", current_->name).add("source", source.identity).add("destination", destination);
  base.add("directory", state_.config.working_directory);
  for (const auto& [name, flag] : {std::pair{"from", &line.from}, {"chown", &line.chown}, {"chmod", &line.chmod}}) {
    if (!*flag) continue;
    SCANGATE_TRY(const std::string value, expand(**flag));
    // Another image is told by its layers, whatever name it goes by.
    if (std::string_view(name) != "from") base.add(name, value);
    created_by += fmt::format(" --{}={}", name, value);
  }
  base.add("unpack", line.unpack ? (*line.unpack ? "yes" : "no") : "");
  for (const Word& word : line.sources) {
    SCANGATE_TRY(const std::string path, expand(word));
    base.add("word", path);
    created_by += " " + path;
  }
  for (const dockerfile::Heredoc& doc : line.files)
    created_by += " <<" + doc.name;
  created_by += " " + destination;
  const std::string known_key = base.text();

  ++work_.steps;
  auto log = work_.log.begin(header(current_->text));
  // Another stage or image is told by its layers, so its files need not be looked at before there is work to do.
  std::vector<SelectedSource> selected;
  std::string content = "layers";
  SCANGATE_TRY(const auto heredocs, heredoc_sources(line));
  SCANGATE_TRY(const bool known, work_.cache.is_known(known_key));
  if (source.from_context) {
    SCANGATE_TRY(selected, select(line, source));
    selected.insert(selected.end(), heredocs.begin(), heredocs.end());
  }
  const auto content_key = [&]() -> Result<std::string> {
    if (source.from_context) {
      SCANGATE_TRY(const Digest digest, selection_digest(work_.context, selected, work_.digests, work_.cancel));
      content = digest.hex();
    } else {
      for (const SelectedSource& each : heredocs)
        content += fmt::format("{}:{}", each.text->size(), *each.text);
    }
    return StepKey("content").add("step", known_key).add("content", content).text();
  };
  std::string full_key;
  if (known) {
    SCANGATE_TRY(full_key, content_key());
    SCANGATE_TRY(auto cached, work_.cache.find(full_key));
    if (cached) {
      ++work_.cached_steps;
      log.cached();
      add_layer(*cached, std::move(created_by));
      view_.reset();
      return {};
    }
  }
  if (!source.from_context) {
    SCANGATE_TRY(selected, select(line, source));
    selected.insert(selected.end(), heredocs.begin(), heredocs.end());
  }
  CachedStep done;
  done.created = now();
  if (!selected.empty()) {
    SCANGATE_TRY(CopyPlan plan, plan_copy(line, source, selected, destination));
    SourceTree* tree = nullptr;
    if (!line.sources.empty()) {
      SCANGATE_TRY(tree, source.tree(work_));
    }
    if (!plan.entries().empty() || !plan.archives().empty()) {
      LayerCataloger cataloger;
      SCANGATE_TRY(const WrittenLayer layer, write_copy_layer(*work_.host.store, tree, plan, view(),
                                                              source.from_context ? &work_.digests : nullptr,
                                                              layer_options(), {&cataloger}, work_.cancel));
      SCANGATE_CHECK(put_inventory(layer, cataloger));
      done.layer = StackedLayer{layer.diff_id, layer.blob};
      view().grow(*done.layer);
    }
  }
  if (full_key.empty()) {
    SCANGATE_TRY(full_key, content_key());
  }
  SCANGATE_CHECK(work_.cache.put(full_key, done));
  SCANGATE_CHECK(work_.cache.mark_known(known_key));
  log.done();
  add_layer(done, std::move(created_by));
  return {};
}

Result<void> StageBuilder::workdir(const dockerfile::WorkdirLine& line) {
  SCANGATE_TRY(const std::string text, expand(line.path));
  if (text.empty()) return fail(placed(Error(Fault::user, "WORKDIR is empty after expansion"), line.path.place));
  const std::string& before = state_.config.working_directory;
  const std::string directory = "/" + path_in_root(text.starts_with('/') ? text : before + "/" + text);
  state_.config.working_directory = directory;
  mark("WORKDIR");
  std::string created_by = "WORKDIR " + directory;
  const std::string step_key = key("workdir/1").add("directory", directory).text();
  ++work_.steps;
  auto log = work_.log.begin(header(current_->text));
  SCANGATE_TRY(auto cached, work_.cache.find(step_key));
  if (cached) {
    ++work_.cached_steps;
    log.cached();
    add_layer(*cached, std::move(created_by));
    if (cached->layer) view_.reset();
    return {};
  }
  CachedStep done;
  done.created = now();
  SCANGATE_TRY(const std::string resolved, resolve_path(view(), path_in_root(directory)));
  SCANGATE_TRY(auto node, view().node(resolved));
  if (node && node->type != EntryType::directory)
    return fail(
        placed(Error(Fault::user, fmt::format("'{}' is a file in the image", printable(directory))), line.path.place));
  if (!node) {
    CopyRules rules;
    rules.now_seconds = done.created.time_since_epoch().count();
    CopyPlan plan(view(), std::move(rules));
    SCANGATE_CHECK(plan.ensure_folder(resolved));
    LayerCataloger cataloger;
    SCANGATE_TRY(const WrittenLayer layer, write_copy_layer(*work_.host.store, nullptr, plan, view(), nullptr,
                                                            layer_options(), {&cataloger}, work_.cancel));
    SCANGATE_CHECK(put_inventory(layer, cataloger));
    done.layer = StackedLayer{layer.diff_id, layer.blob};
    view().grow(*done.layer);
  }
  SCANGATE_CHECK(work_.cache.put(step_key, done));
  log.done();
  add_layer(done, std::move(created_by));
  return {};
}

}  // namespace scangate::build
