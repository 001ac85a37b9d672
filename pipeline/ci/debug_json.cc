#include "base/json/json.h"
#include "pipeline/ci/pipeline.h"

namespace scangate::ci {
namespace {

using Json = nlohmann::ordered_json;

Json lines_json(const std::vector<ScriptLine>& lines) {
  Json out = Json::array();
  for (const ScriptLine& line : lines)
    out.push_back({{"text", line.text}, {"place", line.place.str()}});
  return out;
}

Json image_json(const Image& image) {
  Json out = {{"name", image.name}};
  if (image.written != image.name) out["written"] = image.written;
  if (image.has_entrypoint) out["entrypoint"] = image.entrypoint;
  if (!image.pull_policy.empty()) out["pull_policy"] = image.pull_policy;
  if (!image.platform.empty()) out["platform"] = image.platform;
  if (!image.user.empty()) out["user"] = image.user;
  out["place"] = image.place.str();
  return out;
}

Json service_json(const Service& service) {
  Json out = image_json(service.image);
  if (!service.alias.empty()) out["alias"] = service.alias;
  if (!service.command.empty()) out["command"] = service.command;
  for (const auto& [name, value] : service.variables)
    out["variables"][name] = value;
  return out;
}

Json artifacts_json(const Artifacts& artifacts) {
  Json out = {{"name", artifacts.name},           {"paths", artifacts.paths}, {"exclude", artifacts.exclude},
              {"untracked", artifacts.untracked}, {"when", artifacts.when},   {"expire_in", artifacts.expire_in},
              {"expose_as", artifacts.expose_as}, {"reports", Json::object()}};
  for (const auto& [type, paths] : artifacts.reports)
    out["reports"][type] = paths;
  return out;
}

Json cache_json(const Cache& cache) {
  Json out = {{"key", cache.key}, {"paths", cache.paths}, {"policy", cache.policy}, {"when", cache.when}};
  if (!cache.key_files.empty()) out["key_files"] = cache.key_files;
  if (!cache.key_prefix.empty()) out["key_prefix"] = cache.key_prefix;
  if (!cache.fallback_keys.empty()) out["fallback_keys"] = cache.fallback_keys;
  if (cache.untracked) out["untracked"] = true;
  return out;
}

Json variables_json(const Variables& variables) {
  Json out = Json::object();
  for (const auto& [name, variable] : variables.all()) {
    Json one = {{"value", variable.value}, {"origin", name_of(variable.origin)}};
    if (variable.written != variable.value) one["written"] = variable.written;
    if (!variable.unknown.empty()) one["unknown"] = variable.unknown;
    if (!variable.expand) one["expand"] = false;
    out[name] = std::move(one);
  }
  return out;
}

Json job_json(const Job& job) {
  Json out = {{"name", job.name}, {"stage", job.stage}, {"place", job.place.str()}, {"when", name_of(job.when)}};
  if (!job.start_in.empty()) out["start_in"] = job.start_in;
  if (job.trigger) out["trigger"] = true;
  if (job.image) out["image"] = image_json(*job.image);
  for (const Service& service : job.services)
    out["services"].push_back(service_json(service));
  out["before_script"] = lines_json(job.before_script);
  out["script"] = lines_json(job.script);
  out["after_script"] = lines_json(job.after_script);
  if (job.needs) {
    out["needs"] = Json::array();
    for (const Need& need : *job.needs)
      out["needs"].push_back({{"job", need.job}, {"artifacts", need.artifacts}});
  }
  if (job.dependencies) out["dependencies"] = *job.dependencies;
  if (job.artifacts) out["artifacts"] = artifacts_json(*job.artifacts);
  for (const Cache& cache : job.caches)
    out["cache"].push_back(cache_json(cache));
  if (!job.allow_failure.exit_codes.empty())
    out["allow_failure"] = {{"exit_codes", job.allow_failure.exit_codes}};
  else
    out["allow_failure"] = job.allow_failure.allowed;
  if (job.retry.max > 0)
    out["retry"] = {{"max", job.retry.max}, {"when", job.retry.when}, {"exit_codes", job.retry.exit_codes}};
  if (job.timeout_seconds) out["timeout_seconds"] = *job.timeout_seconds;
  if (!job.tags.empty()) out["tags"] = job.tags;
  if (!job.environment.empty()) out["environment"] = job.environment;
  if (!job.resource_group.empty()) out["resource_group"] = job.resource_group;
  if (job.interruptible) out["interruptible"] = true;
  if (job.parallel_total > 0) out["parallel"] = {{"index", job.parallel_index}, {"total", job.parallel_total}};
  out["variables"] = variables_json(job.variables);
  return out;
}

}  // namespace

std::string debug_json(const Pipeline& pipeline) {
  Json out = {{"name", pipeline.name}, {"files", pipeline.files}, {"stages", pipeline.stages}};
  if (pipeline.not_created) out["not_created"] = *pipeline.not_created;
  out["jobs"] = Json::array();
  for (const Job& job : pipeline.jobs)
    out["jobs"].push_back(job_json(job));
  out["left_out"] = Json::array();
  for (const auto& [name, reason] : pipeline.left_out)
    out["left_out"].push_back({{"job", name}, {"reason", reason}});
  out["warnings"] = Json::array();
  for (const Warning& warning : pipeline.warnings)
    out["warnings"].push_back({{"place", warning.place.str()}, {"text", warning.text}});
  return dump_json(out, 2);
}

}  // namespace scangate::ci
