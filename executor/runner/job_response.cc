#include "executor/runner/job_response.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"

namespace scangate {
namespace {

// Variables may name each other; more rounds than this is a cycle.
constexpr int kMaxExpansionRounds = 10;
constexpr std::size_t kMaxExpandedBytes = 64U << 10U;

bool is_name(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

std::string expand_once(const JobResponse& job, std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const bool braced = text[i + 1] == '{';
    const std::size_t begin = i + (braced ? 2 : 1);
    std::size_t end = begin;
    while (end < text.size() && is_name(text[end]))
      ++end;
    if (end == begin || (braced && (end == text.size() || text[end] != '}'))) {
      out += text[i];
      continue;
    }
    out += job.variable(text.substr(begin, end - begin)).value_or("");
    i = braced ? end : end - 1;
  }
  return out;
}

std::vector<std::string> strings(const nlohmann::json& list) {
  std::vector<std::string> out;
  for (const auto& item : list)
    if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

std::vector<JobVariable> variables_of(const nlohmann::json& json) {
  std::vector<JobVariable> out;
  for (const auto& item : json_array(json, "variables"))
    out.push_back(
        {json_string(item, "key"), json_string(item, "value"), json_bool(item, "file"), json_bool(item, "raw")});
  return out;
}

JobImage image_of(const JobResponse& job, const nlohmann::json& json) {
  const auto& docker = json_object(json_object(json, "executor_opts"), "docker");
  return {.name = job.expand(json_string(json, "name")),
          .entrypoint = strings(json_array(json, "entrypoint")),
          .pull_policy = strings(json_array(json, "pull_policy")),
          .platform = job.expand(json_string(docker, "platform")),
          .user = job.expand(json_string(docker, "user"))};
}

}  // namespace

std::vector<std::string> service_aliases(std::string text) {
  std::replace(text.begin(), text.end(), ',', ' ');
  std::vector<std::string> out;
  for (const auto& part : split(text, ' '))
    if (!part.empty()) out.push_back(part);
  return out;
}

std::optional<std::string> JobResponse::variable(std::string_view key) const {
  for (auto it = variables.rbegin(); it != variables.rend(); ++it)
    if (it->key == key) return it->value;
  return std::nullopt;
}

std::string JobResponse::expand(std::string text) const {
  for (int round = 0;
       round < kMaxExpansionRounds && text.find('$') != std::string::npos && text.size() < kMaxExpandedBytes; ++round) {
    std::string next = expand_once(*this, text);
    if (next == text) break;
    text = std::move(next);
  }
  return text;
}

Result<JobResponse> parse_job_response(std::string_view text, const std::string& place) {
  auto parsed = parse_json(text, place);
  if (!parsed) return fail(Fault::host, parsed.error().text());
  const auto& json = *parsed;
  JobResponse job;
  const auto id = json_int(json, "id");
  if (!id) return fail(Error(Fault::host, "the job response has no job id").at(place));
  job.id = *id;
  job.token = json_string(json, "token");
  const auto& info = json_object(json, "job_info");
  job.job_name = json_string(info, "name");
  job.stage = json_string(info, "stage");
  job.project_path = json_string(info, "project_full_path");
  const auto& git = json_object(json, "git_info");
  job.ref = json_string(git, "ref");
  job.sha = json_string(git, "sha");
  job.repository_url = json_string(git, "repo_url");
  if (const auto project = json_int(info, "project_id")) job.project_id = std::to_string(*project);
  job.timeout_seconds = json_int(json_object(json, "runner_info"), "timeout").value_or(0);
  for (const auto& step : json_array(json, "steps"))
    if (json_string(step, "name") == "after_script" && !json_array(step, "script").empty()) job.has_after_script = true;
  job.variables = variables_of(json);
  for (const auto& item : json_array(json, "services")) {
    JobService service{.image = image_of(job, item),
                       .aliases = service_aliases(job.expand(json_string(item, "alias"))),
                       .command = strings(json_array(item, "command")),
                       .variables = variables_of(item)};
    if (!service.image.name.empty()) job.services.push_back(std::move(service));
  }
  for (const auto& item : json_array(json, "artifacts"))
    job.artifacts.push_back({.paths = strings(json_array(item, "paths")),
                             .exclude = strings(json_array(item, "exclude")),
                             .type = json_string(item, "artifact_type"),
                             .format = json_string(item, "artifact_format"),
                             .when = json_string(item, "when"),
                             .name = json_string(item, "name"),
                             .expire_in = json_string(item, "expire_in")});
  for (const auto& item : json_array(json, "credentials"))
    job.credentials.push_back({json_string(item, "type"), json_string(item, "url"), json_string(item, "username"),
                               json_string(item, "password")});
  for (const auto& item : json_array(json, "dependencies"))
    job.dependency_tokens.push_back(json_string(item, "token"));
  job.image = image_of(job, json_object(json, "image"));
  return job;
}

}  // namespace scangate
