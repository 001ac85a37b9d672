#include "scan/inventory/merged_view.h"

#include <algorithm>
#include <vector>

#include "scan/inventory/cataloger.h"

namespace scangate::inventory {
namespace {

// What Linux allows on one path (path_resolution(7)).
constexpr int kMaxLinks = 40;

bool same_packages(const LayerNode& a, const LayerNode& b) {
  return a.record.role == b.record.role &&
         std::ranges::equal(a.record.packages, b.record.packages, [](const Package& x, const Package& y) {
           return x.type == y.type && x.name_space == y.name_space && x.name == y.name && x.version == y.version;
         });
}

// Components still to walk, the next one last.
void push_components(std::string_view path, std::vector<std::string>& todo) {
  while (!path.empty()) {
    const std::string_view last = base_name(path);
    path = parent_path(path);
    if (!last.empty() && last != ".") todo.emplace_back(last);
  }
}

}  // namespace

void MergedView::hide_below(std::string_view path) {
  if (path.empty()) {
    nodes_.clear();
    return;
  }
  below_.assign(path);
  below_ += '/';
  for (auto next = nodes_.lower_bound(below_); next != nodes_.end() && next->first.starts_with(below_);)
    next = nodes_.erase(next);
}

void MergedView::hide(std::string_view path) {
  if (const auto found = nodes_.find(path); found != nodes_.end()) nodes_.erase(found);
  hide_below(path);
}

void MergedView::add(const LayerInventory::State& layer, std::size_t index) {
  // What the paths showed before this layer, since rewriting a file unchanged (chown, touch) brings nothing new.
  std::vector<std::size_t> since;
  since.reserve(layer.nodes.size());
  for (const auto& [path, node] : layer.nodes) {
    const auto before = nodes_.find(path);
    since.push_back(before != nodes_.end() && same_packages(*before->second.node, node) ? before->second.since : index);
  }

  for (const std::string& path : layer.opaques)
    hide_below(path);
  for (const std::string& path : layer.whiteouts)
    hide(path);
  PathList::Reader others(layer.others);
  for (std::string_view path; !nodes_.empty() && others.next(path);)
    hide(path);

  std::size_t position = 0;
  for (const auto& [path, node] : layer.nodes)
    nodes_.insert_or_assign(path, VisibleNode{&node, index, since[position++]});
}

std::optional<std::string> MergedView::resolve(std::string_view path) const {
  std::vector<std::string> todo;
  push_components(path, todo);
  std::string at;
  int links = 0;
  while (!todo.empty()) {
    const std::string component = std::move(todo.back());
    todo.pop_back();
    if (component == "..") {
      at = parent_path(at);
      continue;
    }
    const std::string next = at.empty() ? component : at + "/" + component;
    const auto found = nodes_.find(next);
    if (found == nodes_.end() || found->second.node->link_target.empty()) {
      at = next;
      continue;
    }
    if (++links > kMaxLinks) return std::nullopt;
    const std::string& target = found->second.node->link_target;
    if (target.starts_with('/')) at.clear();
    push_components(target, todo);
    // kMaxPathBytes bounds the path as the kernel does, whatever the links of a hostile layer multiply to.
    if (todo.size() > kMaxPathBytes || at.size() > kMaxPathBytes) return std::nullopt;
  }
  return at;
}

}  // namespace scangate::inventory
