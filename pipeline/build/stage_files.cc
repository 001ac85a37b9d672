#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/build/copy_layer.h"
#include "pipeline/build/stage_builder.h"
#include "scan/inventory/inventory.h"

namespace scangate::build {

using dockerfile::CopyKind;
using dockerfile::CopyLine;

namespace {

// What a linked layer is made on.
class EmptyRoot final : public PathLookup {
 public:
  Result<std::optional<PathNode>> node(const std::string& path) override {
    if (path.empty()) return PathNode{EntryType::directory, 0755, 0, 0, 0, ""};
    return std::nullopt;
  }
};

}  // namespace

Result<std::vector<SelectedSource>> StageBuilder::select(const CopyLine& line, FileSource& source) {
  std::vector<SelectedSource> selected;
  std::vector<std::string> patterns;
  for (const Word& word : line.excludes) {
    SCANGATE_TRY(std::string pattern, expand(word));
    patterns.push_back(std::move(pattern));
  }
  auto excludes = dockerfile::IgnoreRules::from_patterns(patterns);
  if (!excludes) return fail(placed(Error(Fault::user, excludes.error().cause()), line.excludes.front().place));
  const SelectRules rules{patterns.empty() ? nullptr : &*excludes, line.parents};
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
    auto found = select_sources(*tree, path, rules, work_.cancel);
    if (!found) return fail(placed(std::move(found).error(), word.place));
    if (found->found == Found::none)
      work_.warnings.push_back(
          {source_place(word.place.line), "EmptyWildcard", fmt::format("'{}' matches nothing", printable(path))});
    for (SelectedSource& each : found->sources) {
      each.may_unpack = line.kind == CopyKind::add && !each.is_folder && line.unpack.value_or(true);
      selected.push_back(std::move(each));
    }
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

Result<Accounts> StageBuilder::accounts_of_image() {
  SCANGATE_TRY(auto passwd, view().read_text("etc/passwd", kMaxAccountsBytes));
  SCANGATE_TRY(auto group, view().read_text("etc/group", kMaxAccountsBytes));
  return Accounts{passwd.value_or(""), group.value_or("")};
}

Result<CopyRules> StageBuilder::copy_rules(const CopyLine& line, const FileSource& source,
                                           const std::string& destination) {
  CopyRules rules;
  rules.destination = destination;
  rules.working_directory = state_.config.working_directory.empty() ? "/" : state_.config.working_directory;
  rules.keep_owners = !source.from_context;
  rules.into_folder = line.parents;
  rules.now_seconds = now().time_since_epoch().count();
  if (line.chown) {
    SCANGATE_TRY(const std::string text, expand(*line.chown));
    Accounts accounts;
    // Numbers need no look into the image, which may not be unpacked yet.
    if (text.find_first_not_of("0123456789:") != std::string::npos) {
      SCANGATE_TRY(accounts, accounts_of_image());
    }
    auto owner = parse_owner(text, accounts);
    if (!owner) return fail(placed(std::move(owner).error(), line.chown->place));
    rules.owner = *owner;
  }
  if (line.chmod) {
    SCANGATE_TRY(const std::string text, expand(*line.chmod));
    auto mode = ModeChange::parse(text);
    if (!mode) return fail(placed(std::move(mode).error(), line.chmod->place));
    rules.mode = std::move(*mode);
  }
  // The destination of one pattern that matches several files must be a folder too, but it need not end in '/' when
  // the folder is there; begin() sees to the former, so only words count for it.
  rules.several_sources = line.sources.size() + line.files.size() > 1;
  return rules;
}

Result<CopyPlan> StageBuilder::plan_copy(const CopyLine& line, CopyRules rules, PathLookup& below,
                                         const std::vector<SelectedSource>& selected) {
  CopyPlan plan(below, std::move(rules));
  if (auto begun = plan.begin(); !begun) return fail(placed(std::move(begun).error(), line.destination.place));
  if (selected.size() > 1 && !plan.target_is_folder())
    return fail(placed(Error(Fault::user, "several files match, so the destination must be a folder")
                           .remedy(fmt::format("write '{}/'", printable(plan.rules().destination))),
                       line.destination.place));
  for (const SelectedSource& each : selected) {
    bool archive = false;
    if (each.may_unpack) {
      SCANGATE_TRY(archive, is_archive(*each.tree, each.items.front().item));
    }
    SCANGATE_CHECK(archive ? plan.add_archive(each) : plan.add(each));
  }
  return plan;
}

Result<void> StageBuilder::copy(const CopyLine& line) {
  const auto at = current_->place;
  if (line.checksum) return fail(refused("ADD --checksum", line.checksum->place));
  if (line.keep_git_folder) return fail(refused("ADD --keep-git-dir", at));

  SCANGATE_TRY(const std::string destination, expand(line.destination));
  SCANGATE_TRY(FileSource source, file_source(line.from));
  SCANGATE_TRY(CopyRules rules, copy_rules(line, source, destination));
  std::string created_by = current_->name;
  if (line.parents) created_by += " --parents";
  // A linked layer is the same on every base: so are its names of users, by number.
  StepKey base = line.link ? key("copy/2 link", KeyParent::left_out) : key("copy/2");
  if (line.link && rules.owner) base.add("owner", fmt::format("{}:{}", rules.owner->uid, rules.owner->gid));
  base.add("kind", current_->name).add("source", source.identity).add("destination", destination);
  base.add("directory", state_.config.working_directory);
  for (const auto& [name, flag] : {std::pair{"from", &line.from}, {"chown", &line.chown}, {"chmod", &line.chmod}}) {
    if (!*flag) continue;
    SCANGATE_TRY(const std::string value, expand(**flag));
    // Another image is told by its layers, whatever name it goes by.
    if (std::string_view(name) != "from") base.add(name, value);
    created_by += fmt::format(" --{}={}", name, value);
  }
  base.add("parents", line.parents ? "yes" : "no");
  for (const Word& word : line.excludes) {
    SCANGATE_TRY(const std::string pattern, expand(word));
    base.add("exclude", pattern);
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
    EmptyRoot empty;
    PathLookup& below = line.link ? static_cast<PathLookup&>(empty) : view();
    SCANGATE_TRY(CopyPlan plan, plan_copy(line, std::move(rules), below, selected));
    if (!plan.entries().empty() || !plan.archives().empty()) {
      LayerCataloger cataloger;
      SCANGATE_TRY(const WrittenLayer layer,
                   write_copy_layer(*work_.host.store, plan, below, view(), &work_.context, &work_.digests,
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

}  // namespace scangate::build
