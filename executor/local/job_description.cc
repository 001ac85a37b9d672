#include "executor/local/job_description.h"

#include "base/text.h"

namespace scangate {
namespace {

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

JobImage describe_image(const ci::Image& image) {
  JobImage out{.name = image.name,
               .entrypoint = image.entrypoint,
               .pull_policy = image.pull_policy,
               .platform = image.platform,
               .user = image.user};
  if (out.pull_policy.empty()) out.pull_policy = {"if-not-present"};
  return out;
}

std::string given(const ci::PipelineContext& context, const char* name) {
  const auto found = context.pipeline_variables.find(name);
  return found == context.pipeline_variables.end() ? std::string() : found->second;
}

}  // namespace

std::string local_project_folder(const ci::PipelineContext& context) {
  std::string out = kLocalBuildsFolder;
  // The origin's URL is no path to trust.
  for (const auto& part : split(context.project_path, '/'))
    if (!part.empty() && part != "." && part != "..") out += "/" + part;
  return out == kLocalBuildsFolder ? out + "/project" : out;
}

JobResponse describe_job(const ci::Job& job, const ci::PipelineContext& context) {
  JobResponse out;
  out.job_name = job.name;
  out.stage = job.stage;
  out.project_path = context.project_path;
  out.ref = context.ref_name();
  out.sha = context.sha;
  out.token = given(context, "CI_JOB_TOKEN");
  if (!context.server_url.empty()) out.repository_url = context.server_url + "/" + context.project_path + ".git";
  out.timeout_seconds = job.timeout_seconds.value_or(0);
  out.has_after_script = !job.after_script.empty();
  if (job.image) out.image = describe_image(*job.image);
  for (const auto& service : job.services) {
    JobService one{.image = describe_image(service.image),
                   .aliases = service_aliases(service.alias),
                   .command = service.command,
                   .variables = {}};
    for (const auto& [name, value] : service.variables)
      one.variables.push_back({.key = name, .value = value, .is_raw = true});
    out.services.push_back(std::move(one));
  }
  for (const auto& [name, variable] : job.variables.all())
    out.variables.push_back({.key = name, .value = variable.value, .is_raw = true});
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"CI_BUILDS_DIR", kLocalBuildsFolder},
                                    {"CI_PROJECT_DIR", local_project_folder(context)}})
    out.variables.push_back({.key = name, .value = value, .is_raw = true});
  if (job.artifacts)
    for (const auto& [type, paths] : job.artifacts->reports)
      out.artifacts.push_back({.paths = paths, .exclude = {}, .type = type});
  // Only where it was said which registry the password is for: a name in the YAML must not draw it to another host.
  if (const auto password = given(context, "CI_REGISTRY_PASSWORD"); !password.empty() && !context.registry.empty()) {
    const auto user = given(context, "CI_REGISTRY_USER");
    out.credentials.push_back({.type = "registry",
                               .url = context.registry,
                               .username = user.empty() ? "gitlab-ci-token" : user,
                               .password = password});
  }
  return out;
}

std::string job_script_text(const JobResponse& job, const std::vector<ci::ScriptLine>& lines,
                            const std::string& project_folder) {
  std::string out = "set -eo pipefail 2>/dev/null || set -e\nset +o noclobber\n";
  for (const auto& variable : job.variables)
    out += "export " + variable.key + "=" + shell_quoted(variable.value) + "\n";
  out += "cd " + shell_quoted(project_folder) + "\n";
  // The commands are read by the shell from a variable's text, with nothing on standard input, as the runner does it.
  std::string body;
  for (const auto& line : lines) {
    const std::string_view first = std::string_view(line.text).substr(0, line.text.find('\n'));
    body += "printf '\\033[32;1m$ %s\\033[0m\\n' " + shell_quoted(printable(first)) + "\n" + line.text + "\n";
  }
  return out + "eval " + shell_quoted(body) + " </dev/null\n";
}

}  // namespace scangate
