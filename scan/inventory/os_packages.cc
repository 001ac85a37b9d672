#include "scan/inventory/os_packages.h"

#include <algorithm>
#include <set>

#include "base/text.h"

namespace scangate::inventory {

// Records count where the system looks: at its anchors as written and where symlinks lead from there. Both, since
// runtimes differ on an upper layer's "lib/x" over a lower "lib -> usr/lib" (overlay replaces the symlink, containerd
// follows it), and too much is the safer error.
std::map<std::string_view, OsPackages::Live> OsPackages::live_nodes(const MergedView& view) const {
  std::map<std::string_view, Live> live;
  const auto take = [&](std::string_view path, const VisibleNode& node) {
    const FileRecord& record = node.node->record;
    if ((record.role == Role::database || record.role == Role::file_list) && record.system == system_)
      live.emplace(path, Live{path, node});
  };
  for (const std::string_view anchor : cataloger_.anchors()) {
    view.at_or_below(anchor, take);
    const auto resolved = view.resolve(anchor);
    if (resolved && *resolved != anchor && !resolved->empty()) view.at_or_below(*resolved, take);
  }
  return live;
}

void OsPackages::look(const MergedView& view, std::size_t index) {
  auto live = live_nodes(view);
  const auto same = [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.node.node == b.second.node.node;
  };
  if (std::ranges::equal(live, live_, same)) return;
  live_ = std::move(live);

  std::map<Key, Installed> installed;
  for (const auto& [path, entry] : live_)
    for (const Package& package : entry.node.node->record.packages) {
      const Key key(package.name, package.version, package.architecture);
      const auto before = installed_.find(key);
      installed.emplace(key, Installed{&package, path, before == installed_.end() ? index : before->second.layer});
    }
  if (installed.empty() && !installed_.empty()) {
    const Installed& any = installed_.begin()->second;
    loss_ = InventoryProblem{
        .path = std::string(any.path),
        .layer = index,
        .cause =
            fmt::format("the package database of {} was removed or emptied by this layer: {} packages can no longer "
                        "be seen, though their files may be there",
                        system_, installed_.size()),
        .incomplete = true};
  }
  if (!installed.empty()) loss_.reset();
  installed_ = std::move(installed);
  index_owners();
}

void OsPackages::index_owners() {
  layers_.clear();
  owners_.clear();
  for (const auto& [key, entry] : installed_) {
    auto& layer = layers_[std::get<0>(key)];
    layer = std::max(layer, entry.layer);
  }
  for (const auto& [path, entry] : live_)
    for (const OwnedFile& owned : entry.node.node->record.owned)
      if (layers_.contains(owned.owner)) owners_.emplace(owned.path, owned.owner);
}

std::vector<Package> OsPackages::packages() const {
  std::vector<Package> packages;
  packages.reserve(installed_.size());
  for (const auto& [key, entry] : installed_) {
    Package& package = packages.emplace_back(*entry.package);
    package.layer = entry.layer;
    package.paths = {std::string(entry.path)};
  }
  return packages;
}

std::optional<OsPackages::Owner> OsPackages::owner_of(const std::string& path) const {
  auto found = owners_.find(path);
  // Packages from before the merge of / and /usr list their files below /lib.
  if (found == owners_.end() && path.starts_with("usr/lib/")) found = owners_.find(std::string_view(path).substr(4));
  if (found == owners_.end()) return std::nullopt;
  return Owner{std::string(found->second), layers_.at(found->second)};
}

// dpkg removes a package's list with its record, so lists alone are what cutting records out of the database leaves.
std::optional<InventoryProblem> OsPackages::lists_without_record() const {
  std::set<std::string_view> known;
  for (const auto& [key, entry] : installed_)
    known.insert(std::get<0>(key));
  for (const auto& [path, entry] : live_)
    if (entry.node.node->record.role == Role::database)
      known.insert(entry.node.node->record.other_names.begin(), entry.node.node->record.other_names.end());
  std::size_t count = 0;
  const Live* first = nullptr;
  std::string_view name;
  for (const auto& [path, entry] : live_) {
    if (entry.node.node->record.role != Role::file_list) continue;
    for (const std::string& owner : entry.node.node->record.other_names) {
      if (known.contains(owner)) continue;
      if (++count > 1) continue;
      first = &entry;
      name = owner;
    }
  }
  if (first == nullptr) return std::nullopt;
  const std::string others = count == 1 ? "" : fmt::format(" and {} more", count - 1);
  return InventoryProblem{
      .path = std::string(first->path),
      .layer = first->node.layer,
      .cause = fmt::format("{} has a file list of {}{} but no record: the package database was altered", system_,
                           printable(name), others),
      .incomplete = true};
}

std::vector<InventoryProblem> OsPackages::problems() const {
  std::vector<InventoryProblem> problems;
  for (const auto& [path, entry] : live_)
    for (const FileProblem& problem : entry.node.node->record.problems)
      problems.push_back({std::string(path), entry.node.layer, problem.cause, problem.incomplete});
  if (loss_)
    problems.push_back(*loss_);
  else if (auto problem = lists_without_record())
    problems.push_back(std::move(*problem));
  return problems;
}

}  // namespace scangate::inventory
