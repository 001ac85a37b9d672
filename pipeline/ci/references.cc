#include "pipeline/ci/references.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "pipeline/ci/keywords.h"
#include "pipeline/ci/merge.h"
#include "pipeline/ci/pipeline.h"
#include "pipeline/ci/value.h"

namespace scangate::ci {
namespace {

std::string path_text(const Value& reference) {
  std::string out = "!reference [";
  for (std::size_t i = 0; i < reference.items.size(); ++i)
    out += (i == 0 ? "" : ", ") + printable(reference.items[i].text);
  return out + "]";
}

class References {
 public:
  References(const Value& root, Budget& budget) : root_(root), budget_(budget) {}

  Result<Value> resolve(const Value& value, int depth) {
    if (value.kind == Value::Kind::reference) return follow(value, depth);
    // References within references add depth; later steps recurse over the result.
    if (depth > yaml::kMaxDepth)
      return fail(error_at(value.place, fmt::format("nested deeper than {} levels", yaml::kMaxDepth)));
    SCANGATE_CHECK(budget_.spend(1, value.place));
    Value out;
    out.kind = value.kind;
    out.place = value.place;
    out.text = value.text;
    out.items.reserve(value.items.size());
    for (const Value& item : value.items) {
      SCANGATE_TRY(Value resolved, resolve(item, depth + 1));
      out.items.push_back(std::move(resolved));
    }
    out.entries.reserve(value.entries.size());
    for (const Entry& entry : value.entries) {
      SCANGATE_TRY(Value resolved, resolve(entry.value, depth + 1));
      out.entries.push_back({entry.key, entry.key_place, std::move(resolved)});
    }
    return out;
  }

 private:
  Result<Value> follow(const Value& reference, int depth) {
    if (reference.items.empty())
      return fail(error_at(reference.place, "an empty !reference").remedy("write !reference [job, keyword]"));
    const Value* target = &root_;
    for (const Value& step : reference.items) {
      if (!step.is_scalar()) return fail(error_at(step.place, "a !reference is a list of names"));
      // A look-up is linear: a big map costs more.
      SCANGATE_CHECK(budget_.spend(1 + target->entries.size() / 64, step.place));
      target = target->find(step.text);
      if (target == nullptr)
        return fail(error_at(reference.place, path_text(reference) + " could not be found")
                        .remedy("references are resolved before 'extends' is"));
    }
    if (std::find(open_.begin(), open_.end(), target) != open_.end())
      return fail(error_at(reference.place, path_text(reference) + " is part of a circle"));
    if (open_.size() == static_cast<std::size_t>(kMaxReferenceDepth))
      return fail(
          error_at(reference.place, fmt::format("!reference nested deeper than {} levels", kMaxReferenceDepth)));
    open_.push_back(target);
    auto resolved = resolve(*target, depth);
    open_.pop_back();
    return resolved;
  }

  const Value& root_;
  Budget& budget_;
  std::vector<const Value*> open_;
};

class Extends {
 public:
  Extends(Value root, Budget& budget) : root_(std::move(root)), budget_(budget) {}

  Result<Value> run() {
    for (std::size_t i = 0; i < root_.entries.size(); ++i)
      index_.emplace(root_.entries[i].key, i);
    for (std::size_t i = 0; i < root_.entries.size(); ++i)
      SCANGATE_CHECK(resolve(i, 0));
    for (Entry& entry : root_.entries)
      if (entry.value.is_map() && !is_reserved(entry.key)) entry.value.erase("extends");
    return std::move(root_);
  }

 private:
  Result<void> resolve(std::size_t index, int depth) {
    const Entry& job = root_.entries[index];
    if (done_.contains(index) || !job.value.is_map() || is_reserved(job.key)) return {};
    const Value* extends = job.value.get("extends");
    if (extends == nullptr) {
      done_.emplace(index, 0);
      return {};
    }
    if (!open_.insert(index).second)
      return fail(
          error_at(extends->place, fmt::format("jobs:{}: circular dependency in 'extends'", printable(job.key))));
    if (depth > kMaxExtendsDepth)
      return fail(error_at(extends->place, fmt::format("jobs:{}: nesting too deep in 'extends', at most {} levels",
                                                       printable(job.key), kMaxExtendsDepth)));
    std::vector<const Value*> names;
    if (extends->is_list())
      for (const Value& item : extends->items)
        names.push_back(&item);
    else
      names.push_back(extends);
    Value merged;
    merged.kind = Value::Kind::map;
    merged.place = job.value.place;
    int height = 0;
    for (const Value* name : names) {
      if (!name->is_scalar())
        return fail(error_at(name->place, fmt::format("jobs:{}: 'extends' is a job's name or a list of them, not {}",
                                                      printable(job.key), name->kind_name())));
      const auto found = index_.find(name->text);
      if (found == index_.end()) return fail(unknown_base(job.key, *name));
      const Entry& base = root_.entries[found->second];
      if (!base.value.is_map())
        return fail(error_at(name->place, fmt::format("jobs:{}: 'extends: {}' names {}, not a job", printable(job.key),
                                                      printable(name->text), base.value.kind_name())));
      SCANGATE_CHECK(resolve(found->second, depth + 1));
      height = std::max(height, done_[found->second] + 1);
      SCANGATE_TRY(merged, deep_merge(std::move(merged), base.value, budget_));
    }
    // Ancestors are counted also where they were resolved before, in whatever order the jobs stand.
    if (height > kMaxExtendsDepth)
      return fail(error_at(extends->place, fmt::format("jobs:{}: nesting too deep in 'extends', at most {} levels",
                                                       printable(job.key), kMaxExtendsDepth)));
    merged.erase("extends");
    SCANGATE_TRY(merged, deep_merge(std::move(merged), job.value, budget_));
    root_.entries[index].value = std::move(merged);
    open_.erase(index);
    done_[index] = height;
    return {};
  }

  Error unknown_base(const std::string& job, const Value& name) const {
    std::vector<std::string> candidates;
    for (const Entry& entry : root_.entries)
      if (!is_reserved(entry.key)) candidates.push_back(entry.key);
    Error error = error_at(name.place,
                           fmt::format("jobs:{}: unknown job '{}' in 'extends'", printable(job), printable(name.text)));
    if (const auto like = nearest(name.text, candidates))
      return std::move(error).remedy(fmt::format("did you mean '{}'?", *like));
    return error;
  }

  Value root_;
  Budget& budget_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::size_t, int> done_;  // to the height of ancestors above it
  std::set<std::size_t> open_;
};

}  // namespace

Result<Value> resolve_references(const Value& root, Budget& budget) {
  return References(root, budget).resolve(root, 0);
}

Result<Value> resolve_extends(Value root, Budget& budget) {
  return Extends(std::move(root), budget).run();
}

}  // namespace scangate::ci
