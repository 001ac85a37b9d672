#include "executor/runner/job_response.h"

#include "base/json/json.h"

namespace scangate {
namespace {

// Variables may name each other; more rounds than this is a cycle.
constexpr int kMaxExpansionRounds = 10;
constexpr std::size_t kMaxExpandedBytes = 64U << 10U;

bool is_name(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

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
    while (end < text.size() && is_name(text[end])) ++end;
    if (end == begin || (braced && (end == text.size() || text[end] != '}'))) {
      out += text[i];
      continue;
    }
    out += job.variable(text.substr(begin, end - begin)).value_or("");
    i = braced ? end : end - 1;
  }
  return out;
}

std::string expand(const JobResponse& job, std::string text) {
  for (int round = 0; round < kMaxExpansionRounds && text.find('$') != std::string::npos && text.size() < kMaxExpandedBytes; ++round) {
    std::string next = expand_once(job, text);
    if (next == text) break;
    text = std::move(next);
  }
  return text;
}

std::vector<std::string> strings(const nlohmann::json& list) {
  std::vector<std::string> out;
  for (const auto& item : list)
    if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

}  // namespace

std::optional<std::string> JobResponse::variable(std::string_view key) const {
  for (auto it = variables.rbegin(); it != variables.rend(); ++it)
    if (it->key == key) return it->value;
  return std::nullopt;
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
  if (const auto project = json_int(info, "project_id")) job.project_id = std::to_string(*project);
  job.timeout_seconds = json_int(json_object(json, "runner_info"), "timeout").value_or(0);
  for (const auto& item : json_array(json, "variables"))
    job.variables.push_back({json_string(item, "key"), json_string(item, "value"), json_bool(item, "file"), json_bool(item, "raw")});
  for (const auto& item : json_array(json, "services"))
    if (const std::string name = json_string(item, "name"); !name.empty()) job.services.push_back({expand(job, name), json_string(item, "alias")});
  for (const auto& item : json_array(json, "artifacts"))
    job.artifacts.push_back(
        {strings(json_array(item, "paths")), json_string(item, "artifact_type"), json_string(item, "artifact_format"), json_string(item, "when")});
  for (const auto& item : json_array(json, "credentials"))
    job.credentials.push_back({json_string(item, "type"), json_string(item, "url"), json_string(item, "username"), json_string(item, "password")});
  job.image = expand(job, json_string(json_object(json, "image"), "name"));
  return job;
}

}  // namespace scangate
