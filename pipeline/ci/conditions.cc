#include "pipeline/ci/conditions.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "pipeline/ci/expression.h"
#include "pipeline/ci/keywords.h"
#include "pipeline/ci/reader.h"
#include "pipeline/ci/regex.h"

namespace scangate::ci {
namespace {

// CI_PIPELINE_SOURCE of the words that `only:` knows for it.
// https://docs.gitlab.com/ci/yaml/deprecated_keywords/#onlyrefs--exceptrefs
std::optional<std::string_view> source_of(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kSources = {
      {{"api", "api"},
       {"chat", "chat"},
       {"external", "external"},
       {"external_pull_requests", "external_pull_request_event"},
       {"merge_requests", "merge_request_event"},
       {"pipelines", "pipeline"},
       {"pushes", "push"},
       {"schedules", "schedule"},
       {"triggers", "trigger"},
       {"web", "web"}}};
  for (const auto& [name, source] : kSources)
    if (name == word) return source;
  return std::nullopt;
}

Error located(Error error, const Value& value, std::string_view where) {
  Error out = error_at(value.place, fmt::format("{}: {}", printable(where), error.cause()));
  return out;
}

}  // namespace

Result<void> Conditions::spend_checks(std::size_t count, const Place& place) {
  checks_ += count;
  if (checks_ > kMaxPatternChecks)
    return fail(error_at(place, fmt::format("more than {} comparisons of patterns with paths", kMaxPatternChecks))
                    .remedy("use fewer 'changes:' and 'exists:'"));
  return {};
}

Result<const std::vector<std::string>*> Conditions::all_files() {
  if (!all_files_) {
    SCANGATE_TRY(all_files_, files_.list());
  }
  return &*all_files_;
}

Result<std::vector<std::string>> Conditions::paths_matching(const Glob& glob, const Place& place) {
  SCANGATE_TRY(const auto* files, all_files());
  SCANGATE_CHECK(spend_checks(files->size(), place));
  std::vector<std::string> out;
  for (const std::string& path : *files)
    if (glob.matches(path)) out.push_back(path);
  return out;
}

Result<bool> Conditions::if_holds(const Value& text, std::string_view where, const Variables& variables) {
  SCANGATE_TRY(const std::string written, read_text(text, where));
  auto expression = Expression::parse(written);
  if (!expression) {
    const std::string whole = expression.error().text();
    return fail(error_at(text.place, fmt::format("{}: invalid expression: {}", printable(where), whole)));
  }
  auto holds = expression->holds(variables);
  if (!holds) return fail(located(std::move(holds.error()), text, where));
  return holds;
}

Result<bool> Conditions::any_path(const Value& patterns, std::string_view where, const Variables& variables,
                                  const std::vector<std::string>& paths) {
  SCANGATE_TRY(const auto texts, read_texts(patterns, where));
  if (texts.size() > kMaxPatterns)
    return fail(error_at(patterns.place, fmt::format("{}: more than {} patterns", printable(where), kMaxPatterns)));
  for (const std::string& text : texts) {
    auto expanded = variables.expand(text);
    if (!expanded) return fail(located(std::move(expanded.error()), patterns, where));
    std::string_view pattern = *expanded;
    if (pattern.starts_with('/')) pattern.remove_prefix(1);
    if (pattern.starts_with("./")) pattern.remove_prefix(2);
    if (!Glob::is_pattern(pattern) && pattern.find('\\') == std::string_view::npos) {
      if (std::find(paths.begin(), paths.end(), pattern) != paths.end()) return true;
      continue;
    }
    auto glob = Glob::parse(pattern);
    if (!glob) return fail(located(std::move(glob.error()), patterns, where));
    SCANGATE_CHECK(spend_checks(paths.size(), patterns.place));
    for (const std::string& path : paths)
      if (glob->matches(path)) return true;
  }
  return false;
}

Result<bool> Conditions::changes(const Value& changes, std::string_view where, const Variables& variables) {
  const Value* patterns = &changes;
  if (changes.is_map()) {
    static const std::array<std::string, 2> kKeys = {"paths", "compare_to"};
    SCANGATE_CHECK(check_keys(changes, kKeys, where));
    if (changes.get("compare_to") != nullptr)
      return fail(error_at(changes.find("compare_to")->place,
                           fmt::format("{}:compare_to is not supported yet", printable(where)))
                      .remedy("remove it: changes are compared with the parent commit"));
    patterns = changes.get("paths");
    if (patterns == nullptr)
      return fail(error_at(changes.place, fmt::format("{}: 'paths' is missing", printable(where))));
  }
  static const std::vector<std::string> kNone;
  SCANGATE_TRY(const bool found,
               any_path(*patterns, where, variables, context_.changed_paths ? *context_.changed_paths : kNone));
  return !context_.changed_paths || found;
}

Result<bool> Conditions::exists(const Value& exists, std::string_view where, const Variables& variables) {
  const Value* patterns = &exists;
  if (exists.is_map()) {
    static const std::array<std::string, 3> kKeys = {"paths", "project", "ref"};
    SCANGATE_CHECK(check_keys(exists, kKeys, where));
    if (const Value* project = exists.get("project"))
      return fail(error_at(project->place, fmt::format("{}:project is not supported yet", printable(where))));
    patterns = exists.get("paths");
    if (patterns == nullptr)
      return fail(error_at(exists.place, fmt::format("{}: 'paths' is missing", printable(where))));
  }
  SCANGATE_TRY(const auto* files, all_files());
  return any_path(*patterns, where, variables, *files);
}

Result<bool> Conditions::holds(const Value& rule, std::string_view where, const Variables& variables) {
  if (const Value* text = rule.get("if")) {
    SCANGATE_TRY(const bool holds, if_holds(*text, fmt::format("{}:if", where), variables));
    if (!holds) return false;
  }
  if (const Value* value = rule.get("changes")) {
    SCANGATE_TRY(const bool holds, changes(*value, fmt::format("{}:changes", where), variables));
    if (!holds) return false;
  }
  if (const Value* value = rule.get("exists")) {
    SCANGATE_TRY(const bool holds, exists(*value, fmt::format("{}:exists", where), variables));
    if (!holds) return false;
  }
  return true;
}

Result<bool> Conditions::ref_matches(const Value& ref, std::string_view where) const {
  SCANGATE_TRY(std::string text, read_text(ref, where));
  if (Regex::is_slashed(text)) {
    auto regex = Regex::parse_slashed(text);
    if (!regex) return fail(located(std::move(regex.error()), ref, where));
    // Refs are matched in branch and tag pipelines alone.
    return context_.source != "merge_request_event" && regex->matches(context_.ref_name());
  }
  // "name@group/project" holds in that project alone.
  if (const auto at = text.rfind('@'); at != std::string::npos && text.find('/', at) != std::string::npos) {
    if (!context_.project_path.empty() && text.substr(at + 1) != context_.project_path) return false;
    text.resize(at);
  }
  const bool merge_request = context_.source == "merge_request_event";
  if (text == "branches") return !merge_request && context_.tag.empty();
  if (text == "tags") return !context_.tag.empty();
  if (const auto source = source_of(text)) return context_.source == *source;
  return !merge_request && text == context_.ref_name();
}

Result<bool> Conditions::policy_part(const Entry& part, std::string_view where, const Variables& variables) {
  const std::string path = fmt::format("{}:{}", where, part.key);
  if (part.key == "kubernetes")
    return fail(error_at(part.key_place, path + " is not supported yet").remedy("use 'rules:' with variables"));
  if (part.key == "changes") return changes(part.value, path, variables);
  if (!part.value.is_list()) return fail(wrong_type(part.value, path, "a list"));
  for (const Value& item : part.value.items) {
    SCANGATE_TRY(const bool holds, part.key == "refs" ? ref_matches(item, path) : if_holds(item, path, variables));
    if (holds) return true;
  }
  return false;
}

Result<std::optional<std::string>> Conditions::left_out_by_only(const Value& job, std::string_view name,
                                                                const Variables& variables, bool with_default_only) {
  static const std::array<std::string, 4> kKeys = {"refs", "variables", "changes", "kubernetes"};
  const auto parts_of = [&](const Value& policy, const std::string& where) -> Result<std::vector<Entry>> {
    if (policy.is_map()) {
      SCANGATE_CHECK(check_keys(policy, kKeys, where));
      return policy.entries;
    }
    Value refs = policy;
    if (policy.is_scalar()) {
      refs = Value{.kind = Value::Kind::list, .place = policy.place};
      refs.items.push_back(policy);
    }
    return std::vector<Entry>{Entry{"refs", policy.place, std::move(refs)}};
  };
  const Value* only = job.get("only");
  const bool refs_said = only != nullptr && (!only->is_map() || only->get("refs") != nullptr);
  if (!refs_said && with_default_only && context_.source == "merge_request_event")
    return "takes part in branch and tag pipelines only";
  if (only != nullptr) {
    const std::string where = job_path(name, "only");
    SCANGATE_TRY(const auto parts, parts_of(*only, where));
    for (const Entry& part : parts) {
      if (part.value.is_null()) continue;
      SCANGATE_TRY(const bool holds, policy_part(part, where, variables));
      if (!holds) return fmt::format("'only:{}' does not hold", part.key);
    }
  }
  if (const Value* except = job.get("except")) {
    const std::string where = job_path(name, "except");
    SCANGATE_TRY(const auto parts, parts_of(*except, where));
    for (const Entry& part : parts) {
      if (part.value.is_null()) continue;
      SCANGATE_TRY(const bool holds, policy_part(part, where, variables));
      if (holds) return fmt::format("'except:{}' holds", part.key);
    }
  }
  return std::nullopt;
}

}  // namespace scangate::ci
