#include "pipeline/ci/pipeline.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "pipeline/ci/conditions.h"
#include "pipeline/ci/include.h"
#include "pipeline/ci/jobs.h"
#include "pipeline/ci/keywords.h"
#include "pipeline/ci/references.h"

namespace scangate::ci {
namespace {

Result<std::vector<std::string>> read_stages(const Value& root) {
  std::vector<std::string> stages = {"build", "test", "deploy"};
  if (const Value* types = root.get("types"))
    return fail(error_at(types->place, "'types' is no longer known to GitLab").remedy("use 'stages'"));
  if (const Value* written = root.get("stages")) {
    SCANGATE_TRY(stages, read_texts(*written, "stages"));
  }
  // GitLab puts these two at the ends wherever they are written.
  std::erase_if(stages, [](const std::string& name) { return name == ".pre" || name == ".post"; });
  std::vector<std::string> unique = {".pre"};
  for (std::string& name : stages)
    if (std::find(unique.begin(), unique.end(), name) == unique.end()) unique.push_back(std::move(name));
  unique.emplace_back(".post");
  return unique;
}

Result<void> check_default(const Value& root) {
  const Value* defaults = root.get("default");
  if (defaults == nullptr) return {};
  SCANGATE_CHECK(expect_map(*defaults, "default"));
  SCANGATE_CHECK(check_keys(*defaults, default_keywords(), "default"));
  for (const char* key : {"image", "services", "cache", "before_script", "after_script"})
    if (const Value* value = root.get(key); value != nullptr && defaults->get(key) != nullptr)
      return fail(error_at(value->place, fmt::format("'{}' stands at the top and under 'default:'", key))
                      .remedy("keep one of them"));
  return {};
}

struct Workflow {
  std::optional<std::string> not_created;
  const Value* variables = nullptr;
  const Value* name = nullptr;
  bool has_rules = false;
};

Result<Workflow> read_workflow(const Value& root, Conditions& conditions, const Variables& variables) {
  static const std::array<std::string, 3> kKeys = {"name", "rules", "auto_cancel"};
  static const std::array<std::string, 6> kRuleKeys = {"if", "changes", "exists", "when", "variables", "auto_cancel"};
  static const std::array<std::string, 2> kWhens = {"always", "never"};
  Workflow workflow;
  const Value* value = root.get("workflow");
  if (value == nullptr) return workflow;
  SCANGATE_CHECK(expect_map(*value, "workflow"));
  SCANGATE_CHECK(check_keys(*value, kKeys, "workflow"));
  workflow.name = value->get("name");
  const Value* rules = value->get("rules");
  if (rules == nullptr) return workflow;
  workflow.has_rules = true;
  if (!rules->is_list()) return fail(wrong_type(*rules, "workflow:rules", "a list"));
  for (const Value& rule : rules->items) {
    SCANGATE_CHECK(expect_map(rule, "workflow:rules"));
    SCANGATE_CHECK(check_keys(rule, kRuleKeys, "workflow:rules"));
    SCANGATE_TRY(const bool holds, conditions.holds(rule, "workflow:rules", variables));
    if (!holds) continue;
    std::string when = "always";
    if (const Value* written = rule.get("when")) {
      SCANGATE_TRY(when, read_word(*written, "workflow:rules:when", kWhens));
    }
    if (when == "never") workflow.not_created = fmt::format("{}: the rule of 'workflow' says never", rule.place.str());
    workflow.variables = rule.get("variables");
    return workflow;
  }
  workflow.not_created = fmt::format("{}: none of the rules of 'workflow' holds", rules->place.str());
  return workflow;
}

// Names every need by jobs that exist, and refuses what GitLab refuses. `known` are all jobs of the YAML.
Result<void> resolve_needs(Pipeline& pipeline, const std::set<std::string, std::less<>>& known) {
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_name;
  for (std::size_t i = 0; i < pipeline.jobs.size(); ++i) {
    const Job& job = pipeline.jobs[i];
    by_name[job.name].push_back(i);
    if (job.base_name != job.name) by_name[job.base_name].push_back(i);
  }
  const auto stage_of = [&](const Job& job) {
    return std::find(pipeline.stages.begin(), pipeline.stages.end(), job.stage) - pipeline.stages.begin();
  };
  std::vector<std::string> names(known.begin(), known.end());
  const auto unknown = [&](const Job& job, std::string_view key, std::string_view name, const Place& place) {
    Error error =
        error_at(place, fmt::format("{}: there is no job '{}'", job_path(job.base_name, key), printable(name)));
    if (const auto like = nearest(name, names))
      return std::move(error).remedy(fmt::format("did you mean '{}'?", *like));
    return error;
  };
  for (Job& job : pipeline.jobs) {
    if (job.dependencies)
      for (const std::string& name : *job.dependencies)
        if (!known.contains(name) && !by_name.contains(name))
          return fail(unknown(job, "dependencies", name, job.place));
    if (!job.needs) continue;
    std::vector<Need> resolved;
    for (const Need& need : *job.needs) {
      const auto found = by_name.find(need.job);
      if (found == by_name.end()) {
        if (!known.contains(need.job) && !need.optional) return fail(unknown(job, "needs", need.job, need.place));
        if (need.optional) continue;
        return fail(error_at(need.place, fmt::format("{}: job '{}' is not in this pipeline",
                                                     job_path(job.base_name, "needs"), printable(need.job)))
                        .remedy("its rules leave it out; say 'optional: true' if that may be"));
      }
      for (const std::size_t index : found->second) {
        if (resolved.size() == static_cast<std::size_t>(kMaxParallel) * kMaxNeeds) break;
        if (stage_of(pipeline.jobs[index]) > stage_of(job))
          return fail(error_at(need.place, fmt::format("{}: job '{}' is in a later stage",
                                                       job_path(job.base_name, "needs"), printable(need.job))));
        Need one = need;
        one.job = pipeline.jobs[index].name;
        resolved.push_back(std::move(one));
      }
    }
    job.needs = std::move(resolved);
  }
  return {};
}

// Within a stage needs may form a circle. Removes jobs without unmet needs until none is left.
Result<void> refuse_circles(const Pipeline& pipeline) {
  std::map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < pipeline.jobs.size(); ++i)
    index.emplace(pipeline.jobs[i].name, i);
  std::vector<std::size_t> unmet(pipeline.jobs.size(), 0);
  std::vector<std::vector<std::size_t>> dependants(pipeline.jobs.size());
  for (std::size_t i = 0; i < pipeline.jobs.size(); ++i) {
    if (!pipeline.jobs[i].needs) continue;
    for (const Need& need : *pipeline.jobs[i].needs) {
      const auto found = index.find(need.job);
      if (found == index.end()) continue;
      dependants[found->second].push_back(i);
      ++unmet[i];
    }
  }
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < unmet.size(); ++i)
    if (unmet[i] == 0) ready.push_back(i);
  std::size_t removed = 0;
  while (!ready.empty()) {
    const std::size_t job = ready.back();
    ready.pop_back();
    ++removed;
    for (const std::size_t dependant : dependants[job])
      if (--unmet[dependant] == 0) ready.push_back(dependant);
  }
  if (removed == pipeline.jobs.size()) return {};
  for (std::size_t i = 0; i < unmet.size(); ++i)
    if (unmet[i] > 0)
      return fail(error_at(pipeline.jobs[i].place,
                           fmt::format("jobs:{}: its needs form a circle", printable(pipeline.jobs[i].base_name))));
  return {};
}

Error not_a_job(const Entry& entry) {
  static const std::array<std::string, 12> kTop = {"image",        "services",  "stages", "before_script",
                                                   "after_script", "variables", "cache",  "include",
                                                   "default",      "workflow",  "spec",   "pages"};
  Error error = error_at(entry.key_place, fmt::format("unknown keyword '{}': a job must be a map, this is {}",
                                                      printable(entry.key), entry.value.kind_name()));
  if (const auto like = nearest(entry.key, kTop))
    return std::move(error).remedy(fmt::format("did you mean '{}'?", *like));
  return error;
}

}  // namespace

std::string_view name_of(When when) {
  switch (when) {
    case When::on_success:
      return "on_success";
    case When::on_failure:
      return "on_failure";
    case When::always:
      return "always";
    case When::manual:
      return "manual";
    case When::delayed:
      return "delayed";
    case When::never:
      return "never";
  }
  return "";
}

const Job* Pipeline::find(std::string_view name_wanted) const {
  const auto found = std::find_if(jobs.begin(), jobs.end(), [&](const Job& job) { return job.name == name_wanted; });
  return found == jobs.end() ? nullptr : &*found;
}

Result<Pipeline> read_pipeline(ConfigFiles& files, const std::string& path, const PipelineContext& context) {
  Pipeline pipeline;
  Budget budget;
  SCANGATE_TRY(LoadedConfig config, load_config(files, path, context, budget, pipeline.warnings));
  pipeline.files = std::move(config.files);
  SCANGATE_TRY(Value referenced, resolve_references(config.root, budget));
  SCANGATE_TRY(const Value root, resolve_extends(std::move(referenced), budget));
  SCANGATE_TRY(pipeline.stages, read_stages(root));
  SCANGATE_CHECK(check_default(root));

  Variables global;
  if (const Value* written = root.get("variables"))
    SCANGATE_CHECK(read_variables(*written, "variables", VariableOrigin::global, global));
  Variables outside = predefined_variables(context);
  for (const auto& [name, value] : context.project_variables)
    outside.set(name, value, VariableOrigin::project);
  for (const auto& [name, value] : context.pipeline_variables)
    outside.set(name, value, VariableOrigin::pipeline);
  Variables for_workflow = outside;
  for (const auto& [name, variable] : global.all())
    for_workflow.set(variable);
  SCANGATE_CHECK(for_workflow.expand_all());

  Conditions conditions(files, context);
  SCANGATE_TRY(const Workflow workflow, read_workflow(root, conditions, for_workflow));
  if (workflow.variables != nullptr) {
    SCANGATE_CHECK(read_variables(*workflow.variables, "workflow:rules:variables", VariableOrigin::workflow, outside));
    SCANGATE_CHECK(
        read_variables(*workflow.variables, "workflow:rules:variables", VariableOrigin::workflow, for_workflow));
    SCANGATE_CHECK(for_workflow.expand_all());
  }
  if (workflow.name != nullptr) {
    SCANGATE_TRY(const std::string text, read_text(*workflow.name, "workflow:name"));
    SCANGATE_TRY(pipeline.name, Expander(for_workflow, budget)(text, workflow.name->place));
  }

  const JobScope scope{context, pipeline.stages, root, outside, global, workflow.has_rules};
  JobReader reader(scope, conditions, budget, pipeline);
  std::set<std::string, std::less<>> known;
  for (const Entry& entry : root.entries) {
    if (is_reserved(entry.key) || entry.key.starts_with('.')) continue;
    if (entry.value.is_null() || !entry.value.is_map()) return fail(not_a_job(entry));
    known.insert(entry.key);
    SCANGATE_CHECK(reader.read(entry));
  }
  if (known.empty())
    return fail(error_at(root.place, "there is no job").remedy("jobs whose names begin with '.' are not run"));
  SCANGATE_CHECK(resolve_needs(pipeline, known));
  SCANGATE_CHECK(refuse_circles(pipeline));
  const auto stage_of = [&](const Job& job) {
    return std::find(pipeline.stages.begin(), pipeline.stages.end(), job.stage) - pipeline.stages.begin();
  };
  std::stable_sort(pipeline.jobs.begin(), pipeline.jobs.end(),
                   [&](const Job& a, const Job& b) { return stage_of(a) < stage_of(b); });
  pipeline.not_created = workflow.not_created;
  if (!pipeline.not_created && pipeline.jobs.empty()) pipeline.not_created = "no job takes part";
  if (!pipeline.not_created && std::all_of(pipeline.jobs.begin(), pipeline.jobs.end(),
                                           [](const Job& job) { return job.stage == ".pre" || job.stage == ".post"; }))
    pipeline.not_created = "only jobs of .pre and .post take part";
  if (pipeline.not_created) pipeline.jobs.clear();
  return pipeline;
}

}  // namespace scangate::ci
