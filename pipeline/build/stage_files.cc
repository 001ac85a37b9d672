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

Result<Accounts> StageBuilder::accounts_of_image() {
  SCANGATE_CHECK(have_layers());
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
  return rules;
}

Result<CopyPlan> StageBuilder::plan_copy(const CopyLine& line, CopyRules rules, PathLookup& below,
                                         const std::vector<SelectedSource>& selected) {
  CopyPlan plan(below, std::move(rules));
  if (auto begun = plan.begin(); !begun) return fail(placed(std::move(begun).error(), line.destination.place));
  const bool several_words = line.sources.size() + line.files.size() > 1;
  for (const SelectedSource& each : selected) {
    if (!each.is_folder && each.name.empty() && plan.target_is_folder())
      return fail(placed(Error(Fault::user, "the URL does not name a file").remedy("end the destination with a name"),
                         line.destination.place));
    bool archive = false;
    if (each.may_unpack) {
      SCANGATE_TRY(archive, is_archive(*each.tree, each.items.front().item));
    }
    // Where the folder is there, or a source before made it, no slash is needed. BuildKit lets the last file win here.
    if ((several_words || selected.size() > 1) && !each.is_folder && !archive && !plan.target_is_folder())
      return fail(placed(Error(Fault::user, several_words ? "with several sources the destination must be a folder"
                                                          : "several files match, so the destination must be a folder")
                             .remedy(fmt::format("write '{}/'", printable(plan.rules().destination))),
                         line.destination.place));
    SCANGATE_CHECK(archive ? plan.add_archive(each) : plan.add(each));
  }
  return plan;
}

Result<dockerfile::IgnoreRules> StageBuilder::exclude_rules(const CopyLine& line) const {
  std::vector<std::string> patterns;
  for (const Word& word : line.excludes) {
    SCANGATE_TRY(std::string pattern, expand(word));
    patterns.push_back(std::move(pattern));
  }
  auto rules = dockerfile::IgnoreRules::from_patterns(patterns);
  if (!rules) return fail(placed(Error(Fault::user, rules.error().cause()), line.excludes.front().place));
  return rules;
}

Result<void> StageBuilder::copy(const CopyLine& line) {
  SCANGATE_TRY(const std::string destination, expand(line.destination));
  SCANGATE_TRY(const auto excludes, exclude_rules(line));
  SCANGATE_TRY(FileSource source, file_source(line.from));
  SCANGATE_TRY(CopyRules rules, copy_rules(line, source, destination));
  SCANGATE_TRY(auto inputs, copy_inputs(line, excludes));
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
  for (const std::string& pattern : excludes.patterns())
    base.add("exclude", pattern);
  base.add("unpack", line.unpack ? (*line.unpack ? "yes" : "no") : "");
  for (const CopyInput& input : inputs) {
    base.add("word", input.text);
    created_by += " " + (input.remote ? redact(input.text) : input.text);
  }
  for (const dockerfile::Heredoc& doc : line.files)
    created_by += " <<" + doc.name;
  created_by += " " + destination;
  const std::string known_key = base.text();

  ++record_.steps;
  auto log = work_.log.begin(header(current_->text));
  SCANGATE_TRY(const auto heredocs, heredoc_sources(line));
  SCANGATE_TRY(const auto claim, work_.claims.take(known_key, work_.cancel));
  SCANGATE_TRY(const bool known, is_known_step(known_key));
  // Another stage or image is told by its layers, so its files need not be looked at before there is work to do.
  if (source.from_context) SCANGATE_CHECK(select(line, source, excludes, inputs));
  std::vector<SelectedSource> selected;  // of all words, once they are there
  const auto content_key = [&]() -> Result<std::string> {
    StepKey content("content");
    content.add("step", known_key);
    if (source.from_context) {
      std::vector<const SelectedSource*> files;
      const auto add = [&](const std::vector<SelectedSource>& sources) {
        for (const SelectedSource& each : sources) {
          if (each.text || each.tree == source.context.tree) files.push_back(&each);
        }
      };
      if (selected.empty()) {
        for (const CopyInput& input : inputs)
          add(input.selected);
        add(heredocs);
      } else {
        add(selected);
      }
      SCANGATE_TRY(const Digest digest,
                   selection_digest(*source.context.tree, files, *source.context.digests, work_.cancel));
      SCANGATE_TRY(const std::string remotes, remote_identities(inputs));
      content.add("content", digest.hex()).add("remote", remotes);
    } else {
      for (const SelectedSource& each : heredocs)
        content.add("heredoc", *each.text);
    }
    return content.text();
  };
  std::string full_key;
  if (known) {
    SCANGATE_TRY(full_key, content_key());
    SCANGATE_TRY(auto cached, find_step(full_key));
    if (cached) {
      ++record_.cached_steps;
      log.cached();
      note_record(full_key, *cached, known_key);
      // Another host's result becomes this one's, and so does what it takes to look for it.
      if (!work_.request.cache_from.empty()) SCANGATE_CHECK(work_.cache.mark_known(known_key));
      add_layer(*cached, std::move(created_by));
      view_.reset();
      return {};
    }
  }
  if (!source.from_context) SCANGATE_CHECK(select(line, source, excludes, inputs));
  SCANGATE_CHECK(fetch_remotes(inputs));
  for (CopyInput& input : inputs)
    std::ranges::move(input.selected, std::back_inserter(selected));
  selected.insert(selected.end(), heredocs.begin(), heredocs.end());
  CachedStep done;
  done.created = now();
  if (!selected.empty()) {
    SCANGATE_CHECK(have_layers());
    EmptyRoot empty;
    PathLookup& below = line.link ? static_cast<PathLookup&>(empty) : view();
    SCANGATE_TRY(CopyPlan plan, plan_copy(line, std::move(rules), below, selected));
    if (!plan.entries().empty() || !plan.archives().empty()) {
      LayerCataloger cataloger;
      SCANGATE_TRY(const WrittenLayer layer,
                   write_copy_layer(*work_.host.store, plan, below, view(), source.context.tree, source.context.digests,
                                    layer_options(), {&cataloger}, work_.cancel));
      SCANGATE_CHECK(put_inventory(layer, cataloger));
      done.layer = StackedLayer{layer.diff_id, layer.blob};
      view().grow(*done.layer);
    }
  }
  // Only now: writing the layer has learned the digests of files that were read for it.
  if (full_key.empty()) {
    SCANGATE_TRY(full_key, content_key());
  }
  SCANGATE_CHECK(work_.cache.put(full_key, done));
  SCANGATE_CHECK(work_.cache.mark_known(known_key));
  note_record(full_key, done, known_key);
  log.done();
  add_layer(done, std::move(created_by));
  return {};
}

}  // namespace scangate::build
