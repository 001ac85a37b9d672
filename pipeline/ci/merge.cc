#include "pipeline/ci/merge.h"

#include <unordered_map>

namespace scangate::ci {

// Recursion ends with yaml::kMaxDepth: merging never nests deeper than its inputs.
Result<Value> deep_merge(Value base, const Value& over, Budget& budget) {
  if (!base.is_map() || !over.is_map()) {
    SCANGATE_CHECK(budget.spend(over.node_count(), over.place));
    return over;
  }
  // Looked up by hash: two files with thousands of jobs each are merged here.
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < base.entries.size(); ++i)
    index.emplace(base.entries[i].key, i);
  std::vector<const Entry*> added;
  for (const Entry& entry : over.entries) {
    const auto found = index.find(entry.key);
    if (found == index.end()) {
      added.push_back(&entry);
      continue;
    }
    Entry& target = base.entries[found->second];
    target.key_place = entry.key_place;
    SCANGATE_TRY(target.value, deep_merge(std::move(target.value), entry.value, budget));
  }
  if (base.entries.size() + added.size() > kMaxMapEntries)
    return fail(error_at(over.place, fmt::format("merged here, a map has more than {} keys", kMaxMapEntries)));
  for (const Entry* entry : added) {
    SCANGATE_CHECK(budget.spend(entry->value.node_count(), entry->key_place));
    base.entries.push_back(*entry);
  }
  base.place = over.place;
  return base;
}

}  // namespace scangate::ci
