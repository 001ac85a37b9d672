#include "pipeline/ci/jobs.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "pipeline/ci/job_fields.h"
#include "pipeline/ci/keywords.h"

namespace scangate::ci {
namespace {

bool lets_through(const Value* inherit, std::string_view key) {
  if (inherit == nullptr) return true;
  if (inherit->is_bool()) return inherit->is_true();
  return std::any_of(inherit->items.begin(), inherit->items.end(), [&](const Value& item) { return item.text == key; });
}

// `inherit:default` or `inherit:variables`.
Result<const Value*> inherit_of(const Entry& entry, std::string_view what) {
  const Value* inherit = entry.value.get("inherit");
  if (inherit == nullptr) return nullptr;
  static const std::array<std::string, 2> kKeys = {"default", "variables"};
  const std::string where = job_path(entry.key, "inherit");
  SCANGATE_CHECK(expect_map(*inherit, where));
  SCANGATE_CHECK(check_keys(*inherit, kKeys, where));
  const Value* value = inherit->get(what);
  if (value != nullptr && !value->is_bool() && !value->is_list())
    return fail(wrong_type(*value, fmt::format("{}:{}", where, what), "true, false or a list"));
  return value;
}

Error unknown_stage(const Value& stage, std::string_view job, const std::vector<std::string>& stages) {
  std::string list;
  for (const std::string& name : stages)
    list += (list.empty() ? "" : ", ") + printable(name);
  Error error = error_at(
      stage.place, fmt::format("jobs:{}: 'stage: {}' is not in 'stages:'", printable(job), printable(stage.text)));
  if (const auto like = nearest(stage.text, stages))
    return std::move(error).remedy(fmt::format("did you mean '{}'?", *like));
  return std::move(error).remedy("available are " + list);
}

std::size_t size_of(const Variables& variables) {
  std::size_t bytes = 0;
  for (const auto& [name, variable] : variables.all())
    bytes += name.size() + variable.written.size() + variable.value.size();
  return bytes;
}

}  // namespace

Result<void> JobReader::check(const Entry& entry) const {
  const std::string where = "jobs:" + printable(entry.key);
  for (const char* word : {"true", "false", "nil"})
    if (entry.key == word) return fail(error_at(entry.key_place, fmt::format("'{}' cannot be a job's name", word)));
  if (entry.key.size() > 255)
    return fail(error_at(entry.key_place, where + ": a job's name has at most 255 characters"));
  SCANGATE_CHECK(check_keys(entry.value, job_keywords(), where));
  if (const Value* run = entry.value.get("run"))
    return fail(error_at(run->place, where + ":run is not supported yet").remedy("write the steps as 'script:'"));
  if (entry.value.get("script") == nullptr && entry.value.get("trigger") == nullptr)
    return fail(error_at(entry.key_place, where + ": 'script' is missing")
                    .remedy("a job needs a script, or a name that begins with '.'"));
  if (entry.value.get("rules") != nullptr)
    for (const char* old : {"only", "except"})
      if (const Value* value = entry.value.get(old))
        return fail(error_at(value->place, fmt::format("{}: '{}' cannot be used with 'rules'", where, old)));
  return {};
}

Result<const Value*> JobReader::effective(const Entry& entry, std::string_view key) const {
  if (const Value* own = entry.value.get(key)) return own;
  const auto known = default_keywords();
  if (std::find(known.begin(), known.end(), key) == known.end()) return nullptr;
  SCANGATE_TRY(const Value* inherit, inherit_of(entry, "default"));
  if (!lets_through(inherit, key)) return nullptr;
  const Value* defaults = scope_.root.get("default");
  if (defaults != nullptr)
    if (const Value* value = defaults->get(key)) return value;
  for (const char* old : {"image", "services", "cache", "before_script", "after_script"})
    if (key == old) return scope_.root.get(key);
  return nullptr;
}

Result<Variables> JobReader::base_variables(const Entry& entry) const {
  Variables variables = scope_.outside;
  SCANGATE_TRY(const Value* inherit, inherit_of(entry, "variables"));
  for (const auto& [name, variable] : scope_.global.all())
    if (lets_through(inherit, name)) variables.set(variable);
  if (const Value* own = entry.value.get("variables"))
    SCANGATE_CHECK(read_variables(*own, job_path(entry.key, "variables"), VariableOrigin::job, variables));
  SCANGATE_CHECK(budget_.spend_bytes(size_of(variables), entry.key_place));
  return variables;
}

Result<JobReader::Outcome> JobReader::decide(const Entry& entry, const Variables& variables) {
  Outcome outcome;
  if (const Value* when = entry.value.get("when")) {
    SCANGATE_TRY(outcome.when, read_when(*when, job_path(entry.key, "when")));
  }
  if (const Value* start = entry.value.get("start_in")) {
    SCANGATE_TRY(outcome.start_in, read_text(*start, job_path(entry.key, "start_in")));
  }
  const Value* rules = entry.value.get("rules");
  if (rules == nullptr) {
    SCANGATE_TRY(const auto reason,
                 conditions_.left_out_by_only(entry.value, entry.key, variables, !scope_.has_workflow_rules));
    if (reason) {
      outcome.taken = false;
      pipeline_.left_out.emplace_back(entry.key, *reason);
    } else if (outcome.when == When::never) {
      outcome.taken = false;
      pipeline_.left_out.emplace_back(entry.key, "'when: never'");
    } else if (outcome.when == When::manual) {
      // Without rules, a manual job does not block the pipeline.
      outcome.allow_failure = AllowFailure{.allowed = true, .exit_codes = {}};
    }
    return outcome;
  }
  static const std::array<std::string, 9> kKeys = {
      "if", "changes", "exists", "when", "start_in", "allow_failure", "variables", "needs", "interruptible"};
  const std::string where = job_path(entry.key, "rules");
  if (!rules->is_list()) return fail(wrong_type(*rules, where, "a list"));
  std::vector<const Value*> flat;
  for (const Value& rule : rules->items) {
    if (rule.is_list())
      for (const Value& inner : rule.items)
        flat.push_back(&inner);
    else
      flat.push_back(&rule);
  }
  const Value* matched = nullptr;
  for (const Value* rule : flat) {
    // All are checked, also those behind the one that matches: a typing error is one on every branch.
    SCANGATE_CHECK(expect_map(*rule, where));
    SCANGATE_CHECK(check_keys(*rule, kKeys, where));
    SCANGATE_TRY(const bool holds, conditions_.holds(*rule, where, variables));
    if (holds && matched == nullptr) matched = rule;
  }
  if (matched == nullptr) {
    outcome.taken = false;
    pipeline_.left_out.emplace_back(entry.key, "none of its rules holds");
    return outcome;
  }
  if (const Value* when = matched->get("when")) {
    SCANGATE_TRY(outcome.when, read_when(*when, where + ":when"));
  }
  if (const Value* start = matched->get("start_in")) {
    SCANGATE_TRY(outcome.start_in, read_text(*start, where + ":start_in"));
  }
  if (const Value* allow = matched->get("allow_failure")) {
    SCANGATE_TRY(outcome.allow_failure, read_allow_failure(*allow, where + ":allow_failure"));
  }
  outcome.variables = matched->get("variables");
  outcome.needs = matched->get("needs");
  if (outcome.when == When::never) {
    outcome.taken = false;
    pipeline_.left_out.emplace_back(entry.key, fmt::format("the rule in line {} says never", matched->place.line));
  }
  return outcome;
}

void JobReader::warn_not_served(const Entry& entry) {
  for (const char* key :
       {"dast_configuration", "hooks", "id_tokens", "identity", "pages", "publish", "release", "secrets", "trigger"})
    if (const Value* value = entry.value.get(key))
      pipeline_.warnings.push_back(
          {value->place, fmt::format("{} does nothing in a local run", job_path(entry.key, key))});
}

Result<void> JobReader::read_fields(const Entry& entry, Job& job) {
  const Expander expand(job.variables, budget_);
  const auto path = [&](std::string_view key) { return job_path(entry.key, key); };
  const std::array<std::pair<const char*, std::vector<ScriptLine>*>, 3> scripts = {
      {{"before_script", &job.before_script}, {"script", &job.script}, {"after_script", &job.after_script}}};
  for (const auto& [key, lines] : scripts) {
    SCANGATE_TRY(const Value* value, effective(entry, key));
    if (value == nullptr) continue;
    SCANGATE_CHECK(budget_.spend(value->node_count(), value->place));
    SCANGATE_TRY(*lines, read_script(*value, path(key)));
    std::size_t bytes = 0;
    for (const ScriptLine& line : *lines)
      bytes += line.text.size();
    SCANGATE_CHECK(budget_.spend_bytes(bytes, value->place));
  }
  SCANGATE_TRY(const Value* image, effective(entry, "image"));
  if (image != nullptr) {
    SCANGATE_TRY(job.image, read_image(*image, path("image"), expand));
    job.variables.set("CI_JOB_IMAGE", job.image->name, VariableOrigin::predefined);
  }
  SCANGATE_TRY(const Value* services, effective(entry, "services"));
  if (services != nullptr) {
    SCANGATE_TRY(job.services, read_services(*services, path("services"), expand));
  }
  SCANGATE_TRY(const Value* artifacts, effective(entry, "artifacts"));
  if (artifacts != nullptr) {
    SCANGATE_TRY(job.artifacts, read_artifacts(*artifacts, path("artifacts"), expand));
  }
  SCANGATE_TRY(const Value* cache, effective(entry, "cache"));
  if (cache != nullptr) {
    SCANGATE_TRY(job.caches, read_caches(*cache, path("cache"), expand));
  }
  SCANGATE_TRY(const Value* retry, effective(entry, "retry"));
  if (retry != nullptr) {
    SCANGATE_TRY(job.retry, read_retry(*retry, path("retry")));
  }
  SCANGATE_TRY(const Value* timeout, effective(entry, "timeout"));
  if (timeout != nullptr) {
    SCANGATE_TRY(job.timeout_seconds, read_duration(*timeout, path("timeout")));
  }
  SCANGATE_TRY(const Value* tags, effective(entry, "tags"));
  if (tags != nullptr) {
    SCANGATE_TRY(job.tags, read_texts(*tags, path("tags")));
    SCANGATE_CHECK(expand(job.tags, tags->place));
  }
  SCANGATE_TRY(const Value* interruptible, effective(entry, "interruptible"));
  if (interruptible != nullptr) {
    SCANGATE_TRY(job.interruptible, read_bool(*interruptible, path("interruptible")));
  }
  if (const Value* group = entry.value.get("resource_group")) {
    SCANGATE_TRY(const std::string text, read_text(*group, path("resource_group")));
    SCANGATE_TRY(job.resource_group, expand(text, group->place));
  }
  if (const Value* dependencies = entry.value.get("dependencies")) {
    SCANGATE_TRY(job.dependencies, read_texts(*dependencies, path("dependencies")));
  }
  return {};
}

Result<void> JobReader::finish(Job job, const Entry& entry, const Outcome& outcome) {
  if (pipeline_.jobs.size() == kMaxJobs)
    return fail(error_at(entry.key_place, fmt::format("more than {} jobs in the pipeline", kMaxJobs)));
  const std::string rules = job_path(entry.key, "rules:variables");
  if (outcome.variables != nullptr)
    SCANGATE_CHECK(read_variables(*outcome.variables, rules, VariableOrigin::rule, job.variables));
  const auto predefine = [&](std::string name, std::string value) {
    job.variables.set(std::move(name), std::move(value), VariableOrigin::predefined);
  };
  predefine("CI_JOB_NAME", job.name);
  predefine("CI_JOB_NAME_SLUG", slug(job.name));
  predefine("CI_JOB_STAGE", job.stage);
  predefine("CI_NODE_TOTAL", std::to_string(std::max(1, job.parallel_total)));
  if (job.parallel_index > 0) predefine("CI_NODE_INDEX", std::to_string(job.parallel_index));
  SCANGATE_CHECK(job.variables.expand_all());
  SCANGATE_CHECK(budget_.spend_bytes(size_of(job.variables), entry.key_place));
  if (const Value* environment = entry.value.get("environment")) {
    SCANGATE_TRY(job.environment,
                 read_environment(*environment, job_path(entry.key, "environment"), Expander(job.variables, budget_)));
    if (!job.environment.empty()) {
      predefine("CI_ENVIRONMENT_NAME", job.environment);
      predefine("CI_ENVIRONMENT_SLUG", slug(job.environment));
      // Others may refer to these two.
      SCANGATE_CHECK(job.variables.expand_all());
    }
  }
  SCANGATE_CHECK(read_fields(entry, job));
  pipeline_.jobs.push_back(std::move(job));
  return {};
}

Result<void> JobReader::read(const Entry& entry) {
  SCANGATE_CHECK(check(entry));
  Job job;
  job.name = entry.key;
  job.base_name = entry.key;
  job.place = entry.key_place;
  job.stage = "test";
  if (const Value* stage = entry.value.get("stage")) {
    SCANGATE_TRY(job.stage, read_text(*stage, job_path(entry.key, "stage")));
    if (std::find(scope_.stages.begin(), scope_.stages.end(), job.stage) == scope_.stages.end())
      return fail(unknown_stage(*stage, entry.key, scope_.stages));
  } else if (std::find(scope_.stages.begin(), scope_.stages.end(), job.stage) == scope_.stages.end()) {
    return fail(error_at(entry.key_place,
                         fmt::format("jobs:{}: without 'stage:' a job is in stage 'test', which is not in 'stages:'",
                                     printable(entry.key)))
                    .remedy("give the job a stage"));
  }
  SCANGATE_TRY(job.variables, base_variables(entry));
  Variables for_rules = job.variables;
  SCANGATE_CHECK(for_rules.expand_all());
  SCANGATE_TRY(const Outcome outcome, decide(entry, for_rules));
  job.trigger = entry.value.get("trigger") != nullptr;
  job.when = outcome.when;
  job.start_in = outcome.start_in;
  if (const Value* allow = entry.value.get("allow_failure")) {
    SCANGATE_TRY(job.allow_failure, read_allow_failure(*allow, job_path(entry.key, "allow_failure")));
  } else if (entry.value.get("rules") == nullptr && outcome.allow_failure) {
    job.allow_failure = *outcome.allow_failure;
  }
  if (entry.value.get("rules") != nullptr && outcome.allow_failure) job.allow_failure = *outcome.allow_failure;
  const Value* needs = outcome.needs != nullptr ? outcome.needs : entry.value.get("needs");
  if (needs != nullptr) {
    SCANGATE_TRY(job.needs, read_needs(*needs, job_path(entry.key, "needs"), pipeline_.warnings));
  }
  std::vector<ParallelCopy> copies;
  if (const Value* parallel = entry.value.get("parallel")) {
    SCANGATE_TRY(copies, read_parallel(*parallel, entry.key, job_path(entry.key, "parallel")));
  }
  if (!outcome.taken) {
    // Read all the same: an error in a job is one, whether or not this pipeline has it.
    Pipeline aside;
    JobReader reader(scope_, conditions_, budget_, aside);
    Outcome without;
    return reader.finish(std::move(job), entry, without);
  }
  warn_not_served(entry);
  if (copies.empty()) return finish(std::move(job), entry, outcome);
  for (std::size_t i = 0; i < copies.size(); ++i) {
    Job copy = job;
    copy.name = copies[i].name;
    copy.parallel_index = static_cast<int>(i + 1);
    copy.parallel_total = static_cast<int>(copies.size());
    for (auto& [name, text] : copies[i].variables) {
      Variable variable;
      variable.name = name;
      variable.written = std::move(text);
      variable.origin = VariableOrigin::matrix;
      variable.place = copies[i].place;
      copy.variables.set(std::move(variable));
    }
    SCANGATE_CHECK(finish(std::move(copy), entry, outcome));
  }
  return {};
}

}  // namespace scangate::ci
