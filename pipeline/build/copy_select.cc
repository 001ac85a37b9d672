#include "pipeline/build/copy_select.h"

#include "base/text.h"
#include "pipeline/dockerfile/glob.h"

namespace scangate::build {
namespace {

bool has_wildcards(std::string_view word) {
  return word.find_first_of("*?[") != std::string_view::npos;
}

// One word of sources at work.
class Selector {
 public:
  Selector(SourceTree& tree, const SelectRules& rules, const Cancel& cancel)
      : tree_(tree), rules_(rules), cancel_(cancel) {}

  // The paths a pattern stands for, sorted; links are not followed yet.
  Result<std::vector<std::string>> expand(std::string_view pattern);
  Result<SelectedSource> select(const std::string& path);
  // --parents: what `pattern` matches below `folder`.
  Result<SelectedSource> select_below(const std::string& folder, const dockerfile::Glob& pattern);
  bool excludes_file(const std::string& path) const {
    return rules_.excludes != nullptr && (rules_.excludes->ignored(path) || rules_.excludes->ignored(base_name(path)));
  }
  Error missing(const std::string& path) const;

 private:
  // What becomes of an entry of a folder.
  enum class Fate { taken, only_parent, skipped };
  Fate fate(const TreeItem& item, const std::string& relative) const;
  Result<void> match(const std::string& folder, const std::vector<std::string>& parts, std::size_t next,
                     std::vector<std::string>& out);
  Result<void> walk(const TreeItem& folder, const std::string& relative, int depth, SelectedSource& source,
                    std::vector<SelectedItem>& pending);
  Result<void> count() {
    if (cancel_.cancelled()) return fail(cancelled_error());
    if (++items_ > kMaxSelectedItems) return fail(Fault::user, fmt::format("more than {} files", kMaxSelectedItems));
    return {};
  }
  SourceTree& tree_;
  const SelectRules& rules_;
  const dockerfile::Glob* wanted_ = nullptr;  // of --parents
  const Cancel& cancel_;
  std::size_t items_ = 0;
};

Error Selector::missing(const std::string& path) const {
  const int rule = tree_.rules().deciding_rule(path);
  Error error(Fault::user, fmt::format("'{}' is not in {}", printable(path), tree_.what()));
  if (rule >= 0 && tree_.rules().ignored(path))
    return std::move(error).remedy(fmt::format("the ignore rule '{}' hides it",
                                               printable(tree_.rules().patterns()[static_cast<std::size_t>(rule)])));
  return error;
}

Result<void> Selector::match(const std::string& folder, const std::vector<std::string>& parts, std::size_t next,
                             std::vector<std::string>& out) {
  SCANGATE_CHECK(count());
  if (next == parts.size()) {
    if (folder.empty() || !tree_.rules().ignored(folder) || !tree_.rules().can_skip_below(folder))
      out.push_back(folder);
    return {};
  }
  SCANGATE_TRY(const auto glob, dockerfile::Glob::parse(parts[next], dockerfile::GlobFlavor::file_match));
  if (!glob.has_wildcards()) {
    SCANGATE_TRY(auto node, tree_.node(join_path(folder, glob.literal())));
    if (!node) return {};
    return match(join_path(folder, glob.literal()), parts, next + 1, out);
  }
  SCANGATE_TRY(const std::string resolved, resolve_path(tree_, folder));
  SCANGATE_TRY(auto node, tree_.node(resolved));
  if (!node || node->type != EntryType::directory) return {};
  SCANGATE_TRY(const auto items, tree_.list(resolved));
  for (const TreeItem& item : items) {
    const std::string name(base_name(item.path));
    if (glob.matches(name)) SCANGATE_CHECK(match(join_path(folder, name), parts, next + 1, out));
  }
  return {};
}

Result<std::vector<std::string>> Selector::expand(std::string_view pattern) {
  std::vector<std::string> parts;
  for (std::string& part : split(path_in_root(pattern), '/')) {
    if (!part.empty()) parts.push_back(std::move(part));
  }
  std::vector<std::string> out;
  SCANGATE_CHECK(match("", parts, 0, out));
  return out;
}

Selector::Fate Selector::fate(const TreeItem& item, const std::string& relative) const {
  const bool is_folder = item.node.type == EntryType::directory;
  const auto& ignores = tree_.rules();
  const bool ignored = !ignores.empty() && ignores.ignored(item.path);
  if (ignored && (!is_folder || ignores.can_skip_below(item.path))) return Fate::skipped;
  const bool excluded = rules_.excludes != nullptr && rules_.excludes->ignored(relative);
  if (excluded && (!is_folder || rules_.excludes->can_skip_below(relative))) return Fate::skipped;
  const bool wanted = wanted_ == nullptr || wanted_->matches_or_parent(relative);
  if (!wanted && (!is_folder || !wanted_->can_match_below(relative))) return Fate::skipped;
  return ignored || excluded || !wanted ? Fate::only_parent : Fate::taken;
}

Result<void> Selector::walk(const TreeItem& folder, const std::string& relative, int depth, SelectedSource& source,
                            std::vector<SelectedItem>& pending) {
  if (depth > kMaxFolderDepth)
    return fail(Fault::user,
                fmt::format("'{}' is nested deeper than {} folders", printable(folder.path), kMaxFolderDepth));
  SCANGATE_TRY(auto items, tree_.list(folder.path));
  for (TreeItem& item : items) {
    SCANGATE_CHECK(count());
    const std::string below = join_path(relative, base_name(item.path));
    const Fate decided = fate(item, below);
    if (decided == Fate::skipped) continue;
    if (item.is_socket) continue;  // no builder puts sockets into layers
    if (decided == Fate::only_parent) {
      pending.push_back({below, item});
      SCANGATE_CHECK(walk(item, below, depth + 1, source, pending));
      if (!pending.empty()) pending.pop_back();
      continue;
    }
    // Folders that are left out themselves come along only as parents of what is kept.
    for (SelectedItem& parent : pending)
      source.items.push_back(std::move(parent));
    pending.clear();
    source.items.push_back({below, item});
    if (item.node.type == EntryType::directory) SCANGATE_CHECK(walk(item, below, depth + 1, source, pending));
  }
  return {};
}

Result<SelectedSource> Selector::select_below(const std::string& folder, const dockerfile::Glob& pattern) {
  SelectedSource source;
  source.tree = &tree_;
  source.is_folder = true;
  source.name = std::string(base_name(folder));
  SCANGATE_TRY(const std::string resolved, resolve_path(tree_, folder));
  SCANGATE_TRY(auto item, tree_.item(resolved));
  if (!item) return fail(missing(folder));
  if (item->node.type != EntryType::directory)
    return fail(Fault::user, fmt::format("'{}' in {} is not a folder", printable(folder), tree_.what()));
  source.items.push_back({"", *item});
  std::vector<SelectedItem> pending;
  wanted_ = &pattern;
  auto walked = walk(*item, "", 0, source, pending);
  wanted_ = nullptr;
  if (!walked) return fail(std::move(walked).error());
  return source;
}

Result<SelectedSource> Selector::select(const std::string& path) {
  SelectedSource source;
  source.tree = &tree_;
  source.name = std::string(base_name(path));
  SCANGATE_TRY(const std::string resolved, resolve_path(tree_, path));
  SCANGATE_TRY(auto item, tree_.item(resolved));
  if (!item) return fail(missing(path));
  // A rule such as `*` speaks of what is in the context, not of the context itself.
  const bool ignored = !resolved.empty() && tree_.rules().ignored(resolved);
  source.is_folder = item->node.type == EntryType::directory;
  if (ignored && (!source.is_folder || tree_.rules().can_skip_below(resolved))) return fail(missing(resolved));
  if (item->is_socket || (!source.is_folder && item->node.type != EntryType::file))
    return fail(Fault::user, fmt::format("'{}' in {} is neither a file nor a folder", printable(path), tree_.what()));
  source.items.push_back({"", *item});
  if (!source.is_folder) return source;
  std::vector<SelectedItem> pending;
  SCANGATE_CHECK(walk(*item, "", 0, source, pending));
  return source;
}

void add_field(Sha256& hash, std::string_view text) {
  hash.update(fmt::format("{}:", text.size()));
  hash.update(text);
}

Result<Selection> select_with_parents(SourceTree& tree, const std::string& word, const SelectRules& rules,
                                      const Cancel& cancel) {
  Selector selector(tree, rules, cancel);
  const std::size_t pivot = word.find("/./");
  const std::string folder = pivot == std::string::npos ? "" : word.substr(0, pivot);
  std::string below = path_in_root(pivot == std::string::npos ? word : word.substr(pivot + 3));
  if (below.empty()) below = "**";
  SCANGATE_TRY(const auto pattern, dockerfile::Glob::parse(below, dockerfile::GlobFlavor::ignore));
  Selection selection;
  std::vector<std::string> folders{path_in_root(folder)};
  if (has_wildcards(folder)) {
    SCANGATE_TRY(folders, selector.expand(folder));
  }
  bool any = false;
  for (const std::string& each : folders) {
    SCANGATE_TRY(auto source, selector.select_below(each, pattern));
    any = any || source.items.size() > 1;
    selection.sources.push_back(std::move(source));
  }
  if (!any && !has_wildcards(word)) return fail(selector.missing(join_path(folders.front(), pattern.literal())));
  if (!any) selection.found = Found::none;
  return selection;
}

}  // namespace

Result<Selection> select_sources(SourceTree& tree, const std::string& word, const SelectRules& rules,
                                 const Cancel& cancel) {
  if (rules.parents) return select_with_parents(tree, word, rules, cancel);
  Selector selector(tree, rules, cancel);
  Selection selection;
  if (!has_wildcards(word)) {
    // An escape without a wildcard is an escape all the same.
    SCANGATE_TRY(const auto glob, dockerfile::Glob::parse(path_in_root(word), dockerfile::GlobFlavor::file_match));
    SCANGATE_TRY(auto source, selector.select(glob.literal()));
    if (source.is_folder || !selector.excludes_file(glob.literal())) selection.sources.push_back(std::move(source));
    return selection;
  }
  SCANGATE_TRY(const auto paths, selector.expand(word));
  for (const std::string& path : paths) {
    SCANGATE_TRY(auto source, selector.select(path));
    if (source.is_folder || !selector.excludes_file(path)) selection.sources.push_back(std::move(source));
  }
  if (paths.empty()) selection.found = Found::none;
  return selection;
}

std::string literal_source(std::string_view path) {
  std::string out = "/";
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

Result<Digest> selection_digest(SourceTree& tree, const std::vector<SelectedSource>& sources, FileDigests& digests,
                                const Cancel& cancel) {
  std::vector<const SelectedSource*> all;
  for (const SelectedSource& each : sources)
    all.push_back(&each);
  return selection_digest(tree, all, digests, cancel);
}

Result<Digest> selection_digest(SourceTree& tree, const std::vector<const SelectedSource*>& sources,
                                FileDigests& digests, const Cancel& cancel) {
  Sha256 hash;
  for (const SelectedSource* each : sources) {
    const SelectedSource& source = *each;
    add_field(hash, source.name);
    add_field(hash, source.is_folder ? "folder" : "file");
    if (source.text) add_field(hash, *source.text);
    for (const SelectedItem& selected : source.items) {
      if (cancel.cancelled()) return fail(cancelled_error());
      const PathNode& node = selected.item.node;
      add_field(hash, selected.relative);
      hash.update(fmt::format("{},{:o},{},{};", static_cast<int>(node.type), node.mode, selected.item.device_major,
                              selected.item.device_minor));
      add_field(hash, node.link_target);
      if (node.type == EntryType::file && selected.item.stamp.size_bytes > 0) {
        SCANGATE_TRY(const Digest digest, digests.digest(tree, selected.item, cancel));
        hash.update(Bytes(digest.bytes()));
      }
    }
    hash.update("\n");
  }
  return hash.finish();
}

}  // namespace scangate::build
