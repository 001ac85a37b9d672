#include "scan/advisory/flaw_groups.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace scangate {
namespace {

// A node is what one advisory says about one flaw.
struct Node {
  std::size_t hit = 0;
  std::vector<std::string> ids;
  std::string bulletin;  // its id, when the advisory is one
};

std::vector<Node> make_nodes(const std::vector<Hit>& hits) {
  std::vector<Node> nodes;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const Hit& hit = hits[i];
    if (hit.upstream.empty()) {
      nodes.push_back({i, hit.ids, {}});
      nodes.back().ids.push_back(hit.name);
      continue;
    }
    for (const auto& cve : hit.upstream)
      nodes.push_back({i, {cve}, hit.name});
  }
  return nodes;
}

class UnionFind {
 public:
  explicit UnionFind(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0U); }
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) {
      parent_[i] = parent_[parent_[i]];
      i = parent_[i];
    }
    return i;
  }
  void join(std::size_t a, std::size_t b) { parent_[std::max(root(a), root(b))] = std::min(root(a), root(b)); }

 private:
  std::vector<std::size_t> parent_;
};

int id_rank(const std::string& id) {
  if (id.starts_with("CVE-")) return 0;
  if (id.starts_with("GHSA-")) return 1;
  // Ids of converters ("x_…") say least.
  return id.starts_with("x_") ? 3 : 2;
}

}  // namespace

std::vector<Flaw> group_by_flaw(const std::vector<Hit>& hits) {
  const std::vector<Node> nodes = make_nodes(hits);
  UnionFind groups(nodes.size());
  std::map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const auto& id : nodes[i].ids) {
      const auto [at, is_new] = first.try_emplace(id, i);
      if (!is_new) groups.join(at->second, i);
    }
  }
  std::map<std::size_t, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    members[groups.root(i)].push_back(i);

  std::vector<Flaw> flaws;
  for (const auto& [root, group] : members) {
    Flaw flaw;
    std::set<std::string> ids;
    std::vector<std::size_t> bulletins;
    for (const std::size_t i : group) {
      const Node& node = nodes[i];
      ids.insert(node.ids.begin(), node.ids.end());
      auto& list = node.bulletin.empty() ? flaw.hits : bulletins;
      if (std::find(list.begin(), list.end(), node.hit) == list.end()) list.push_back(node.hit);
    }
    flaw.id = *std::min_element(ids.begin(), ids.end(), [](const std::string& a, const std::string& b) {
      return std::pair(id_rank(a), std::string_view(a)) < std::pair(id_rank(b), std::string_view(b));
    });
    for (const std::size_t hit : bulletins)
      ids.insert(hits[hit].name);
    ids.erase(flaw.id);
    flaw.aliases.assign(ids.begin(), ids.end());
    flaw.bulletins = bulletins.size();
    flaw.hits.insert(flaw.hits.end(), bulletins.begin(), bulletins.end());
    flaws.push_back(std::move(flaw));
  }
  return flaws;
}

}  // namespace scangate
