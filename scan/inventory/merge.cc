#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"
#include "scan/inventory/inventory.h"
#include "scan/inventory/merged_view.h"
#include "scan/inventory/os_packages.h"

namespace scangate {
using namespace inventory;
namespace {

// A reader looks at some; thousands come from one broken tree.
constexpr std::size_t kMaxProblems = 1'000;

// A distribution patches the language packages that it installs where its own tools look. Packages of other origin
// carry theirs along (a vendor's .deb with a whole Python below /opt, nodejs with npm): nobody patches those.
bool is_where_distributions_install(std::string_view type, std::string_view path) {
  if (type == "apk") return path.starts_with("usr/lib/") || path.starts_with("usr/share/");
  for (const std::string_view folder : {"usr/lib/python", "usr/share/nodejs/", "usr/lib/nodejs/", "usr/share/python"})
    if (path.starts_with(folder)) return true;
  return false;
}

std::optional<OsRelease> os_release_of(const MergedView& view) {
  for (const std::string_view anchor : os_release_cataloger().anchors()) {
    const auto resolved = view.resolve(anchor);
    const auto node = resolved ? view.nodes().find(*resolved) : view.nodes().end();
    if (node != view.nodes().end() && node->second.node->record.os) return node->second.node->record.os;
  }
  return std::nullopt;
}

// Why no os-release counted: one without an ID, or a symlink to a file of another name.
std::vector<InventoryProblem> os_release_problems(const MergedView& view) {
  std::vector<InventoryProblem> problems;
  for (const std::string_view anchor : os_release_cataloger().anchors()) {
    const auto resolved = view.resolve(anchor);
    const auto node = resolved ? view.nodes().find(*resolved) : view.nodes().end();
    if (node != view.nodes().end()) {
      for (const FileProblem& problem : node->second.node->record.problems)
        problems.push_back({*resolved, node->second.layer, problem.cause, problem.incomplete});
    } else if (const auto link = view.nodes().find(anchor); link != view.nodes().end()) {
      problems.push_back({.path = std::string(anchor),
                          .layer = link->second.layer,
                          .cause = fmt::format("is a symlink to {}, which is no os-release file that we can read",
                                               printable(link->second.node->link_target)),
                          .incomplete = true});
    }
  }
  return problems;
}

std::string name_of(const OsRelease& os) {
  return printable(os.version_id.empty() ? os.id : os.id + " " + os.version_id);
}

// Package databases without a cataloger, by name of the system.
class UnreadDatabases {
 public:
  void look(const LayerInventory::State& layer, const MergedView& view, std::size_t index) {
    for (const auto& [path, node] : layer.nodes)
      if (node.record.role == Role::unread) paths_.emplace(path, node.record.system);
    for (const auto& [path, system] : paths_) {
      const auto found = view.nodes().find(path);
      if (found != view.nodes().end() && found->second.node->record.role == Role::unread)
        seen_.insert_or_assign(system, Seen{path, found->second.layer, index});
    }
  }

  std::vector<InventoryProblem> problems(std::size_t layers) const {
    std::vector<InventoryProblem> problems;
    for (const auto& [system, seen] : seen_) {
      const bool gone = seen.last + 1 < layers;
      problems.push_back({.path = std::string(seen.path),
                          .layer = gone ? seen.last + 1 : seen.layer,
                          .cause = gone ? fmt::format("the package database of {} was removed by this layer", system)
                                        : fmt::format("packages of {} are not read yet", system),
                          .incomplete = true});
    }
    return problems;
  }

 private:
  struct Seen {
    std::string_view path;
    std::size_t layer = 0;  // whose entry it is
    std::size_t last = 0;   // last layer in which it was visible
  };
  std::map<std::string_view, std::string_view> paths_;
  std::map<std::string_view, Seen> seen_;
};

// Language packages of one name and version are one package with several paths, unless their owners differ: what the
// distribution patches must not speak for a copy beside it.
class LanguagePackages {
 public:
  LanguagePackages(const OsPackages& dpkg, const OsPackages& apk) : dpkg_(dpkg), apk_(apk) {}

  void add(std::string_view path, const VisibleNode& node) {
    for (const Package& package : node.node->record.packages) {
      auto owner = owner_of(std::string(path), node);
      const Key key(package.type, package.name_space, package.name, package.version, owner.value_or(""));
      const auto [found, is_new] = packages_.try_emplace(key, package);
      Package& merged = found->second;
      if (is_new) {
        merged.owned_by = std::move(owner);
        merged.layer = node.since;
      }
      merged.layer = std::min(merged.layer, node.since);
      merged.paths.emplace_back(path);  // the view is sorted by path
    }
  }

  void move_to(std::vector<Package>& packages) {
    for (auto& [key, package] : packages_)
      packages.push_back(std::move(package));
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::string, std::string>;

  // A file that changed after its owner was installed is no longer the distribution's: pip wrote over it.
  std::optional<std::string> owner_of(const std::string& path, const VisibleNode& node) const {
    if (is_where_distributions_install("deb", path))
      if (auto owner = dpkg_.owner_of(path); owner && node.since <= owner->layer) return owner->name;
    if (is_where_distributions_install("apk", path))
      if (auto owner = apk_.owner_of(path); owner && node.since <= owner->layer) return owner->name;
    return std::nullopt;
  }

  const OsPackages& dpkg_;
  const OsPackages& apk_;
  std::map<Key, Package> packages_;
};

// Contradictions between what was found, each of which would make an image look emptier than it is.
std::vector<InventoryProblem> contradictions(const Inventory& inventory, const MergedView& view) {
  std::vector<InventoryProblem> problems;
  const auto os_packages = static_cast<std::size_t>(std::ranges::count_if(inventory.packages, is_os_package));
  const std::string path(os_release_cataloger().anchors().front());
  if (inventory.os && os_packages == 0) {
    const bool told = std::ranges::any_of(inventory.problems, &InventoryProblem::incomplete);
    if (!told)
      problems.push_back({.path = path,
                          .cause = fmt::format("the image says it is {} but has no package database that we can read",
                                               name_of(*inventory.os)),
                          .incomplete = true});
  }
  if (!inventory.os && os_packages > 0) {
    const auto found = view.nodes().find(path);
    const std::size_t layer = found == view.nodes().end() ? 0 : found->second.layer;
    problems.push_back(
        {.path = path,
         .layer = layer,
         .cause = fmt::format("{} packages of a distribution, but no os-release file tells which one", os_packages),
         .incomplete = true});
  }
  return problems;
}

void limit(std::vector<InventoryProblem>& problems) {
  // Those that hide packages first, so that the cap never drops one of them for a harmless one.
  std::ranges::stable_sort(problems, [](const InventoryProblem& a, const InventoryProblem& b) {
    return std::tuple(!a.incomplete, a.layer, std::string_view(a.path)) <
           std::tuple(!b.incomplete, b.layer, std::string_view(b.path));
  });
  if (problems.size() <= kMaxProblems) return;
  const std::size_t left_out = problems.size() - kMaxProblems;
  const bool incomplete = problems[kMaxProblems].incomplete;
  problems.resize(kMaxProblems);
  problems.push_back({.cause = fmt::format("{} more problems of this kind", left_out), .incomplete = incomplete});
}

}  // namespace

Inventory merge_layers(const std::vector<LayerInventory>& layers) {
  Inventory inventory;
  MergedView view;
  OsPackages dpkg(dpkg_cataloger(), "dpkg");
  OsPackages apk(apk_cataloger(), "apk");
  UnreadDatabases unread;
  for (std::size_t index = 0; index < layers.size(); ++index) {
    const LayerInventory::State& layer = layers[index].state();
    view.add(layer, index);
    dpkg.look(view, index);
    apk.look(view, index);
    unread.look(layer, view, index);
    auto os = os_release_of(view);
    if (os && inventory.os && os->id != inventory.os->id)
      inventory.problems.push_back(
          {.path = std::string(os_release_cataloger().anchors().front()),
           .layer = index,
           .cause = fmt::format("this layer turns {} into {}", name_of(*inventory.os), name_of(*os))});
    inventory.os = std::move(os);
    for (const FileProblem& problem : layer.problems)
      inventory.problems.push_back({.layer = index, .cause = problem.cause, .incomplete = problem.incomplete});
  }

  const auto append = [&](std::vector<InventoryProblem> more) {
    std::ranges::move(more, std::back_inserter(inventory.problems));
  };
  LanguagePackages language(dpkg, apk);
  for (const auto& [path, node] : view.nodes()) {
    if (node.node->noted_mode != 0)
      inventory.noted_files.push_back({std::string(path), node.layer, node.node->noted_mode});
    const FileRecord& record = node.node->record;
    if (record.role == Role::language) language.add(path, node);
    // Problems of databases count where the database does.
    if (record.role == Role::language)
      for (const FileProblem& problem : record.problems)
        inventory.problems.push_back({std::string(path), node.layer, problem.cause, problem.incomplete});
  }
  for (const OsPackages* database : {&dpkg, &apk}) {
    append(database->problems());
    for (Package& package : database->packages()) {
      package.name_space = inventory.os ? inventory.os->id : package.type == "deb" ? "debian" : "alpine";
      inventory.packages.push_back(std::move(package));
    }
  }
  language.move_to(inventory.packages);
  append(unread.problems(layers.size()));
  if (!inventory.os) append(os_release_problems(view));
  append(contradictions(inventory, view));

  std::ranges::sort(inventory.packages, [](const Package& a, const Package& b) {
    return std::tie(a.type, a.name, a.version, a.architecture, a.name_space, a.owned_by) <
           std::tie(b.type, b.name, b.version, b.architecture, b.name_space, b.owned_by);
  });
  limit(inventory.problems);
  return inventory;
}

}  // namespace scangate
