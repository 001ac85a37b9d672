#include "pipeline/build/named_contexts.h"

#include <algorithm>

#include "base/text.h"
#include "pipeline/image/reference.h"

namespace scangate {

Result<std::string> context_name(std::string_view written) {
  constexpr std::string_view kLatest = ":latest";
  auto reference = Reference::parse(written);
  if (!reference)
    return fail(Error(Fault::user,
                      fmt::format("'{}' cannot name a context: {}", printable(written), reference.error().cause())));
  std::string name = reference->familiar();
  if (!reference->digest && name.ends_with(kLatest)) name.resize(name.size() - kLatest.size());
  return name;
}

}  // namespace scangate

namespace scangate::build {

Result<dockerfile::IgnoreRules> read_ignore_rules(SourceTree& tree, const std::vector<std::string>& candidates) {
  for (const std::string& path : candidates) {
    SCANGATE_TRY(const std::string resolved, resolve_path(tree, path));
    SCANGATE_TRY(auto node, tree.node(resolved));
    if (!node) continue;
    SCANGATE_TRY(const std::string text, tree.read_text(resolved, dockerfile::kMaxIgnoreBytes));
    return dockerfile::IgnoreRules::parse(text, path);
  }
  return dockerfile::IgnoreRules();
}

dockerfile::ContextLookup context_lookup(const BuildRequest& request) {
  if (request.named_contexts.empty()) return {};
  return [&request](std::string_view written) -> std::optional<std::string> {
    const auto name = context_name(written);
    if (!name || std::ranges::find(request.named_contexts, *name, &NamedContext::name) == request.named_contexts.end())
      return std::nullopt;
    return *name;
  };
}

Result<NamedContexts> NamedContexts::open(const BuildRequest& request, Store& store) {
  NamedContexts out(request);
  for (const NamedContext& named : request.named_contexts) {
    if (out.find(named.name) != &named)
      return fail(Fault::user, fmt::format("the context '{}' is given twice", printable(named.name)));
    if (named.folder.empty()) continue;
    const std::string what = fmt::format("the context '{}'", printable(named.name));
    SCANGATE_TRY(auto bare, SourceTree::open(named.folder, what, {}));
    auto rules = read_ignore_rules(bare, {".dockerignore"});
    if (!rules) return fail(std::move(rules).error().during("reading " + what));
    SCANGATE_TRY(auto tree, SourceTree::open(named.folder, what, std::move(*rules)));
    out.folders_.emplace(named.name, std::make_unique<Opened>(std::move(tree), store));
  }
  return out;
}

const NamedContext* NamedContexts::find(std::string_view name) const {
  const auto found = std::ranges::find(request_->named_contexts, name, &NamedContext::name);
  return found == request_->named_contexts.end() ? nullptr : &*found;
}

ContextFiles NamedContexts::files(const NamedContext& named) const {
  Opened& opened = *folders_.find(named.name)->second;
  return {&opened.tree, &opened.digests};
}

Result<void> NamedContexts::save() {
  for (auto& [name, opened] : folders_)
    SCANGATE_CHECK(opened->digests.save());
  return {};
}

}  // namespace scangate::build
