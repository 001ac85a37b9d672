#include "pipeline/build/copy_place.h"

#include <algorithm>

#include "base/text.h"

namespace scangate::build {
namespace {

constexpr std::uint32_t kNewFolderMode = 0755;

}  // namespace

Result<void> CopyPlan::begin() {
  const std::string& text = rules_.destination;
  if (text.empty()) return fail(Fault::user, "the destination is empty after expansion");
  const std::string absolute = text.starts_with('/') ? text : rules_.working_directory + "/" + text;
  const std::string_view last = base_name(text);
  const bool folder_named = last.empty() || last == "." || last == "..";
  SCANGATE_TRY(target_, resolve_path(view_, path_in_root(absolute)));
  SCANGATE_TRY(auto node, view_.node(target_));
  if (node && node->type != EntryType::directory && (folder_named || rules_.into_folder))
    return fail(Fault::user, fmt::format("the destination '{}' is a file in the image", printable(text)));
  target_is_folder_ = folder_named || rules_.into_folder || (node && node->type == EntryType::directory);
  return {};
}

Owner CopyPlan::owner_of(const PathNode& node) const {
  if (rules_.owner) return *rules_.owner;
  return rules_.keep_owners ? Owner{node.uid, node.gid} : Owner{};
}

Result<std::optional<PathNode>> CopyPlan::existing(const std::string& path) {
  if (const auto found = entries_.find(path); found != entries_.end()) {
    const Entry& entry = found->second.entry;
    return PathNode{entry.type, entry.mode, entry.uid, entry.gid, entry.mtime_seconds, entry.link_target};
  }
  // Below a folder that is new there is nothing to look up: this is what makes a copy of 20,000 files cheap.
  if (new_folders_.contains(parent_path(path))) return std::nullopt;
  return view_.node(path);
}

Result<void> CopyPlan::ensure_folder(const std::string& folder) {
  // As BuildKit: a number is the mode of folders on the way, too, a change like u+x is not.
  return ensure_folder(folder, rules_.mode ? rules_.mode->number().value_or(kNewFolderMode) : kNewFolderMode);
}

Result<void> CopyPlan::ensure_folder(const std::string& folder, std::uint32_t new_mode) {
  if (folder.empty() || new_folders_.contains(folder)) return {};
  if (const auto found = entries_.find(folder); found != entries_.end()) {
    if (found->second.entry.type != EntryType::directory)
      return fail(Fault::user, fmt::format("'/{}' is a file, but a folder is needed there", printable(folder)));
    return {};
  }
  SCANGATE_CHECK(ensure_folder(std::string(parent_path(folder)), new_mode));
  SCANGATE_TRY(auto node, existing(folder));
  PlacedEntry placed;
  placed.entry.path = folder;
  placed.entry.type = EntryType::directory;
  if (node) {
    if (node->type != EntryType::directory)
      return fail(Fault::user,
                  fmt::format("'/{}' is a file in the image, but a folder is needed there", printable(folder)));
    placed.entry.mode = node->mode;
    placed.entry.uid = node->uid;
    placed.entry.gid = node->gid;
    placed.entry.mtime_seconds = node->mtime_seconds;
  } else {
    const Owner owner = rules_.owner.value_or(Owner{});
    placed.entry.mode = new_mode;
    placed.entry.uid = owner.uid;
    placed.entry.gid = owner.gid;
    placed.entry.mtime_seconds = rules_.now_seconds;
    new_folders_.insert(folder);
  }
  entries_[folder] = std::move(placed);
  return {};
}

Result<void> CopyPlan::put(std::string path, const TreeItem& item, SourceTree* tree) {
  // Such a name is an instruction to delete, not a file: OCI image-spec v1.1, layer.md, "Whiteouts".
  if (base_name(path).starts_with(".wh."))
    return fail(Fault::user, fmt::format("'{}' cannot be stored in a layer: names beginning with .wh. are whiteouts",
                                         printable(item.path)));
  PlacedEntry placed;
  Entry& entry = placed.entry;
  const Owner owner = owner_of(item.node);
  entry.path = path;
  entry.type = item.node.type;
  entry.mode = item.node.mode;
  if (entry.type == EntryType::symlink)
    entry.mode = 0777;
  else if (rules_.mode)
    entry.mode = rules_.mode->apply(
        entry.mode, entry.type == EntryType::directory ? ModeChange::Kind::folder : ModeChange::Kind::other);
  entry.uid = owner.uid;
  entry.gid = owner.gid;
  entry.mtime_seconds = item.node.mtime_seconds;
  entry.link_target = item.node.link_target;
  entry.device_major = item.device_major;
  entry.device_minor = item.device_minor;
  if (entry.type == EntryType::file) {
    if (item.links > 1) {
      auto [known, is_new] = linked_.try_emplace({item.stamp.device, item.stamp.inode}, path);
      // Entries are written in the order of their paths, and a link must come after what it points to.
      if (!is_new && known->second < path) {
        entry.type = EntryType::hardlink;
        entry.link_target = known->second;
        placed.tree = tree;
        placed.file = item;  // should another source replace what the link points to
        entries_[std::move(path)] = std::move(placed);
        return {};
      }
    }
    entry.size_bytes = item.stamp.size_bytes;
    placed.file = item;
    placed.tree = tree;
  }
  entries_[std::move(path)] = std::move(placed);
  return {};
}

Result<void> CopyPlan::add(const SelectedSource& source) {
  if (!source.is_folder) {
    const std::string path = target_is_folder_ ? join_path(target_, source.name) : target_;
    if (path.empty()) return fail(Fault::user, "the destination is the root folder itself");
    SCANGATE_CHECK(ensure_folder(std::string(parent_path(path))));
    SCANGATE_TRY(auto node, existing(path));
    if (node && node->type == EntryType::directory)
      return fail(Fault::user,
                  fmt::format("'/{}' is a folder in the image, a file cannot replace it", printable(path)));
    if (!source.text) return put(path, source.items.front().item, source.tree);
    PlacedEntry placed;
    const Owner owner = rules_.owner.value_or(Owner{});
    placed.entry.path = path;
    placed.entry.mode = rules_.mode ? rules_.mode->apply(0644, ModeChange::Kind::other) : 0644;
    placed.entry.uid = owner.uid;
    placed.entry.gid = owner.gid;
    placed.entry.mtime_seconds = rules_.now_seconds;
    placed.entry.size_bytes = source.text->size();
    placed.text = source.text;
    entries_[path] = std::move(placed);
    return {};
  }
  for (const SelectedItem& selected : source.items) {
    const std::string path = join_path(target_, selected.relative);
    const bool is_folder = selected.item.node.type == EntryType::directory;
    if (path.empty()) continue;  // onto the root: its own attributes stay
    SCANGATE_TRY(auto node, existing(path));
    if (node && is_folder != (node->type == EntryType::directory))
      return fail(Fault::user,
                  is_folder
                      ? fmt::format("'/{}' is a file or link in the image, a folder cannot replace it", printable(path))
                      : fmt::format("'/{}' is a folder in the image, a file cannot replace it", printable(path)));
    if (selected.relative.empty()) {
      // The destination itself is no copy of the source: what exists keeps its attributes, and a new one is made like
      // any folder on the way. So do buildah, docker and BuildKit, whatever the mode of the source.
      SCANGATE_CHECK(ensure_folder(path));
      continue;
    }
    SCANGATE_CHECK(put(path, selected.item, source.tree));
    if (is_folder && !node) new_folders_.insert(path);
  }
  target_is_folder_ = true;
  return {};
}

Result<void> CopyPlan::add_archive(const SelectedSource& source) {
  SCANGATE_TRY(auto node, existing(target_));
  if (!target_.empty() && node && node->type != EntryType::directory)
    return fail(Fault::user,
                fmt::format("'/{}' is a file in the image, an archive cannot be unpacked there", printable(target_)));
  // --chmod is not for archives, nor for the folder that one is unpacked in.
  SCANGATE_CHECK(ensure_folder(target_, kNewFolderMode));
  target_is_folder_ = true;
  archives_.push_back({source.items.front().item, source.tree, target_});
  return {};
}

}  // namespace scangate::build
