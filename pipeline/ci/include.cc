#include "pipeline/ci/include.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "pipeline/ci/conditions.h"
#include "pipeline/ci/inputs.h"
#include "pipeline/ci/keywords.h"
#include "pipeline/ci/merge.h"
#include "pipeline/ci/reader.h"
#include "pipeline/ci/value.h"

namespace scangate::ci {
namespace {

Variables outside_variables(const PipelineContext& context) {
  Variables variables = predefined_variables(context);
  for (const auto& [name, value] : context.project_variables)
    variables.set(name, value, VariableOrigin::project);
  for (const auto& [name, value] : context.pipeline_variables)
    variables.set(name, value, VariableOrigin::pipeline);
  return variables;
}

class Loader {
 public:
  Loader(ConfigFiles& files, const PipelineContext& context, Budget& budget, std::vector<Warning>& warnings)
      : files_(files),
        conditions_(files, context),
        budget_(budget),
        warnings_(warnings),
        variables_(outside_variables(context)) {}

  Result<LoadedConfig> run(const std::string& path) {
    SCANGATE_CHECK(variables_.expand_all());
    SCANGATE_TRY(std::optional<std::string> text, files_.read(path));
    if (!text)
      return fail(
          Error(Fault::user, "there is no such file").at(printable(path)).remedy("add one, or name it with its path"));
    SCANGATE_TRY(Value root, load(path, *text, Value{}, Place{std::make_shared<const std::string>(path), 0, 0}));
    if (!root.is_map())
      return fail(error_at(root.place.file ? root.place : Place{std::make_shared<const std::string>(path), 0, 0},
                           fmt::format("the configuration must be a map of jobs, this is {}", root.kind_name())));
    return LoadedConfig{std::move(root), std::move(read_)};
  }

 private:
  // One file with all it includes, merged.
  Result<Value> load(const std::string& path, const std::string& text, const Value& inputs,
                     const Place& include_place) {
    read_.push_back(path);
    open_.push_back(path);
    SCANGATE_TRY(auto documents, yaml::read(text, path, budget_, yaml::Dialect::gitlab));
    SCANGATE_TRY(Value root, fill_inputs(std::move(documents), inputs, include_place, budget_));
    if (root.is_map()) {
      Value merged;
      merged.kind = Value::Kind::map;
      merged.place = root.place;
      if (const Value* include = root.get("include")) {
        if (include->is_list()) {
          for (const Value& item : include->items)
            SCANGATE_CHECK(include_one(item, merged));
        } else {
          SCANGATE_CHECK(include_one(*include, merged));
        }
      }
      root.erase("include");
      if (!merged.entries.empty()) {
        SCANGATE_TRY(root, deep_merge(std::move(merged), root, budget_));
      }
    } else if (!root.is_null() && open_.size() > 1) {
      return fail(error_at(root.place, fmt::format("an included file must be a map, this is {}", root.kind_name())));
    } else if (root.is_null() && open_.size() > 1) {
      root.kind = Value::Kind::map;
    }
    open_.pop_back();
    return root;
  }

  Result<void> include_one(const Value& item, Value& into) {
    if (item.is_list()) {  // a list that a reference or alias brought along
      for (const Value& inner : item.items)
        SCANGATE_CHECK(include_one(inner, into));
      return {};
    }
    if (item.is_scalar()) {
      if (item.text.find("://") != std::string::npos) return fail(not_served(item.place, "remote"));
      return include_local(item, Value{}, into);
    }
    if (item.kind == Value::Kind::reference)
      return fail(error_at(item.place, "!reference cannot be used in 'include'").remedy("write the file's name"));
    SCANGATE_CHECK(expect_map(item, "include"));
    static const std::array<std::string, 12> kKeys = {"local",  "remote",    "template",  "project",
                                                      "file",   "ref",       "component", "rules",
                                                      "inputs", "integrity", "artifact",  "job"};
    SCANGATE_CHECK(check_keys(item, kKeys, "include"));
    if (const Value* rules = item.get("rules")) {
      SCANGATE_TRY(const bool wanted, rules_hold(*rules));
      if (!wanted) return {};
    }
    for (const char* kind : {"remote", "template", "project", "component", "artifact"})
      if (const Value* value = item.get(kind)) return fail(not_served(value->place, kind));
    const Value* local = item.get("local");
    if (local == nullptr)
      return fail(error_at(item.place, "include: nothing to include").remedy("give the file as 'local: path.yml'"));
    Value inputs;
    if (const Value* given = item.get("inputs")) {
      SCANGATE_CHECK(expect_map(*given, "include:inputs"));
      inputs = *given;
    }
    return include_local(*local, inputs, into);
  }

  static Error not_served(const Place& place, std::string_view kind) {
    return error_at(place, fmt::format("'include: {}' is not supported yet", kind))
        .remedy("copy the file into the repository and include it with 'local:'");
  }

  Result<bool> rules_hold(const Value& rules) {
    static const std::array<std::string, 4> kKeys = {"if", "exists", "changes", "when"};
    if (!rules.is_list()) return fail(wrong_type(rules, "include:rules", "a list"));
    for (const Value& rule : rules.items) {
      SCANGATE_CHECK(expect_map(rule, "include:rules"));
      SCANGATE_CHECK(check_keys(rule, kKeys, "include:rules"));
      SCANGATE_TRY(const bool holds, conditions_.holds(rule, "include:rules", variables_));
      if (!holds) continue;
      const Value* when = rule.get("when");
      return when == nullptr || when->text != "never";
    }
    return false;
  }

  Result<void> include_local(const Value& local, const Value& inputs, Value& into) {
    SCANGATE_TRY(const std::string written, read_text(local, "include:local"));
    SCANGATE_TRY(const std::string expanded, Expander(variables_, budget_)(written, local.place));
    std::string_view path = expanded;
    while (path.starts_with('/'))
      path.remove_prefix(1);
    if (path.starts_with("./")) path.remove_prefix(2);
    if (!path.ends_with(".yml") && !path.ends_with(".yaml"))
      return fail(error_at(local.place, fmt::format("included file '{}' has no YAML extension", printable(path)))
                      .remedy("its name must end with .yml or .yaml"));
    for (const std::string& part : split(path, '/'))
      if (part.empty() || part == "." || part == "..")
        return fail(
            error_at(local.place, fmt::format("'{}' is not a path from the root of the repository", printable(path))));
    std::vector<std::string> paths = {std::string(path)};
    if (Glob::is_pattern(path)) {
      auto glob = Glob::parse(path);
      if (!glob) return fail(std::move(glob.error()).at(local.place.str()));
      SCANGATE_TRY(paths, conditions_.paths_matching(*glob, local.place));
      if (paths.empty())
        warnings_.push_back({local.place, fmt::format("include: no file matches '{}'", printable(path))});
    }
    for (const std::string& file : paths) {
      if (std::find(open_.begin(), open_.end(), file) != open_.end())
        return fail(error_at(local.place, fmt::format("'{}' includes itself", printable(file))));
      if (read_.size() > kMaxIncludes)
        return fail(error_at(local.place, fmt::format("more than {} included files", kMaxIncludes)));
      SCANGATE_TRY(const std::optional<std::string> text, files_.read(file));
      if (!text)
        return fail(error_at(local.place, fmt::format("include: local file '{}' does not exist", printable(file)))
                        .remedy("paths start at the root of the repository"));
      SCANGATE_TRY(const Value included, load(file, *text, inputs, local.place));
      SCANGATE_TRY(into, deep_merge(std::move(into), included, budget_));
    }
    return {};
  }

  ConfigFiles& files_;
  Conditions conditions_;
  Budget& budget_;
  std::vector<Warning>& warnings_;
  Variables variables_;
  std::vector<std::string> read_;
  std::vector<std::string> open_;  // files being read: the way from the root to here
};

}  // namespace

Result<LoadedConfig> load_config(ConfigFiles& files, const std::string& path, const PipelineContext& context,
                                 Budget& budget, std::vector<Warning>& warnings) {
  return Loader(files, context, budget, warnings).run(path);
}

}  // namespace scangate::ci
