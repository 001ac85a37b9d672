#include "pipeline/ci/job_fields.h"

#include <array>

#include "base/text.h"
#include "pipeline/ci/keywords.h"

namespace scangate::ci {
namespace {

Result<void> collect_script(const Value& value, std::string_view where, int depth, std::vector<ScriptLine>& out) {
  if (value.is_scalar()) {
    out.push_back({value.text, value.place});
    return {};
  }
  if (value.is_map() && !value.entries.empty())
    // `- echo "a: b"` unquoted is the classic.
    return fail(error_at(value.place, fmt::format("{}: a map instead of a command", where))
                    .remedy("quote the whole line: it contains ': '"));
  if (!value.is_list()) return fail(wrong_type(value, where, "a string or a list of strings"));
  if (depth > kMaxScriptNesting)
    return fail(error_at(value.place, fmt::format("{}: lists nested deeper than {} levels", where, kMaxScriptNesting)));
  for (const Value& item : value.items)
    SCANGATE_CHECK(collect_script(item, where, depth + 1, out));
  return {};
}

Result<std::vector<int>> read_exit_codes(const Value& value, std::string_view where) {
  std::vector<int> codes;
  const auto add = [&](const Value& item) -> Result<void> {
    SCANGATE_TRY(const std::int64_t code, read_integer(item, where, 0, 255));
    codes.push_back(static_cast<int>(code));
    return {};
  };
  if (!value.is_list()) {
    SCANGATE_CHECK(add(value));
    return codes;
  }
  for (const Value& item : value.items)
    SCANGATE_CHECK(add(item));
  return codes;
}

Result<void> read_docker_options(const Value& value, std::string_view where, const Expander& expand, Image& image) {
  static const std::array<std::string, 2> kKeys = {"platform", "user"};
  SCANGATE_CHECK(expect_map(value, where));
  SCANGATE_CHECK(check_keys(value, kKeys, where));
  if (const Value* platform = value.get("platform")) {
    SCANGATE_TRY(const std::string text, read_text(*platform, where));
    SCANGATE_TRY(image.platform, expand(text, platform->place));
  }
  if (const Value* user = value.get("user")) {
    SCANGATE_TRY(const std::string text, read_text(*user, where));
    SCANGATE_TRY(image.user, expand(text, user->place));
  }
  return {};
}

// The keys an image and a service have in common.
Result<Image> read_image_map(const Value& value, const std::string& where, const Expander& expand) {
  Image image;
  image.place = value.place;
  const Value* name = value.get("name");
  if (name == nullptr) return fail(error_at(value.place, fmt::format("{}: 'name' is missing", where)));
  SCANGATE_TRY(image.written, read_text(*name, where + ":name"));
  SCANGATE_TRY(image.name, expand(image.written, name->place));
  if (const Value* entrypoint = value.get("entrypoint")) {
    SCANGATE_TRY(image.entrypoint, read_text_or_texts(*entrypoint, where + ":entrypoint"));
    SCANGATE_CHECK(expand(image.entrypoint, entrypoint->place));
    image.has_entrypoint = true;
  }
  if (const Value* policy = value.get("pull_policy")) {
    static const std::array<std::string, 3> kPolicies = {"always", "if-not-present", "never"};
    if (policy->is_list()) {
      for (const Value& item : policy->items) {
        SCANGATE_TRY(std::string word, read_word(item, where + ":pull_policy", kPolicies));
        image.pull_policy.push_back(std::move(word));
      }
    } else {
      SCANGATE_TRY(std::string word, read_word(*policy, where + ":pull_policy", kPolicies));
      image.pull_policy.push_back(std::move(word));
    }
  }
  if (const Value* docker = value.get("docker"))
    SCANGATE_CHECK(read_docker_options(*docker, where + ":docker", expand, image));
  return image;
}

Result<Image> read_image_name(const Value& value, std::string_view where, const Expander& expand) {
  Image image;
  image.place = value.place;
  SCANGATE_TRY(image.written, read_text(value, where));
  SCANGATE_TRY(image.name, expand(image.written, value.place));
  return image;
}

Result<Service> read_service(const Value& value, const std::string& where, const Expander& expand) {
  static const std::array<std::string, 8> kKeys = {"name",        "entrypoint", "command",   "alias",
                                                   "pull_policy", "docker",     "variables", "kubernetes"};
  Service service;
  if (!value.is_map()) {
    SCANGATE_TRY(service.image, read_image_name(value, where, expand));
    return service;
  }
  SCANGATE_CHECK(check_keys(value, kKeys, where));
  SCANGATE_TRY(service.image, read_image_map(value, where, expand));
  if (const Value* alias = value.get("alias")) {
    SCANGATE_TRY(const std::string text, read_text(*alias, where + ":alias"));
    SCANGATE_TRY(service.alias, expand(text, alias->place));
  }
  if (const Value* command = value.get("command")) {
    SCANGATE_TRY(service.command, read_text_or_texts(*command, where + ":command"));
    SCANGATE_CHECK(expand(service.command, command->place));
  }
  if (const Value* map = value.get("variables")) {
    Variables variables;
    SCANGATE_CHECK(read_variables(*map, where + ":variables", VariableOrigin::job, variables));
    for (const auto& [name, variable] : variables.all()) {
      std::string text = variable.written;
      if (variable.expand) {
        SCANGATE_TRY(text, expand(text, variable.place));
      }
      service.variables.emplace_back(name, std::move(text));
    }
  }
  return service;
}

Result<void> read_reports(const Value& value, const std::string& where, const Expander& expand, Artifacts& artifacts) {
  // https://docs.gitlab.com/ci/yaml/artifacts_reports/
  static const std::array<std::string, 25> kTypes = {"accessibility",
                                                     "annotations",
                                                     "api_fuzzing",
                                                     "browser_performance",
                                                     "cluster_image_scanning",
                                                     "codequality",
                                                     "container_scanning",
                                                     "coverage_fuzzing",
                                                     "coverage_report",
                                                     "cyclonedx",
                                                     "dast",
                                                     "dependency_scanning",
                                                     "dotenv",
                                                     "junit",
                                                     "license_scanning",
                                                     "load_performance",
                                                     "lsif",
                                                     "metrics",
                                                     "performance",
                                                     "repository_xray",
                                                     "requirements",
                                                     "sarif",
                                                     "sast",
                                                     "secret_detection",
                                                     "terraform"};
  SCANGATE_CHECK(expect_map(value, where));
  SCANGATE_CHECK(check_keys(value, kTypes, where));
  for (const Entry& entry : value.entries) {
    if (entry.value.is_null()) continue;
    const std::string path = where + ":" + entry.key;
    std::vector<std::string> files;
    if (entry.value.is_map()) {  // coverage_report: {coverage_format, path}
      const Value* file = entry.value.get("path");
      if (file == nullptr) return fail(error_at(entry.value.place, path + ": 'path' is missing"));
      SCANGATE_TRY(files, read_text_or_texts(*file, path + ":path"));
    } else {
      SCANGATE_TRY(files, read_text_or_texts(entry.value, path));
    }
    SCANGATE_CHECK(expand(files, entry.value.place));
    artifacts.reports.emplace_back(entry.key, std::move(files));
  }
  return {};
}

Result<Cache> read_cache(const Value& value, const std::string& where, const Expander& expand) {
  static const std::array<std::string, 8> kKeys = {"key",       "paths", "untracked",     "policy",
                                                   "unprotect", "when",  "fallback_keys", "files"};
  static const std::array<std::string, 2> kKeyKeys = {"files", "prefix"};
  static const std::array<std::string, 3> kPolicies = {"pull-push", "pull", "push"};
  static const std::array<std::string, 3> kWhens = {"on_success", "on_failure", "always"};
  Cache cache;
  cache.place = value.place;
  SCANGATE_CHECK(expect_map(value, where));
  SCANGATE_CHECK(check_keys(value, kKeys, where));
  if (const Value* key = value.get("key")) {
    if (key->is_map()) {
      SCANGATE_CHECK(check_keys(*key, kKeyKeys, where + ":key"));
      if (const Value* files = key->get("files")) {
        SCANGATE_TRY(cache.key_files, read_texts(*files, where + ":key:files"));
        // GitLab takes two at most.
        if (cache.key_files.size() > 2)
          return fail(error_at(files->place, where + ":key:files: at most two files").remedy("remove the others"));
      }
      if (const Value* prefix = key->get("prefix")) {
        SCANGATE_TRY(const std::string text, read_text(*prefix, where + ":key:prefix"));
        SCANGATE_TRY(cache.key_prefix, expand(text, prefix->place));
      }
      cache.key.clear();
    } else {
      SCANGATE_TRY(const std::string text, read_text(*key, where + ":key"));
      SCANGATE_TRY(cache.key, expand(text, key->place));
    }
  }
  if (const Value* paths = value.get("paths")) {
    SCANGATE_TRY(cache.paths, read_texts(*paths, where + ":paths"));
    SCANGATE_CHECK(expand(cache.paths, paths->place));
  }
  if (const Value* keys = value.get("fallback_keys")) {
    SCANGATE_TRY(cache.fallback_keys, read_texts(*keys, where + ":fallback_keys"));
    SCANGATE_CHECK(expand(cache.fallback_keys, keys->place));
  }
  if (const Value* policy = value.get("policy")) {
    SCANGATE_TRY(const std::string text, read_text(*policy, where + ":policy"));
    SCANGATE_TRY(cache.policy, expand(text, policy->place));
    if (cache.policy == text) SCANGATE_CHECK(read_word(*policy, where + ":policy", kPolicies));
  }
  if (const Value* when = value.get("when")) {
    SCANGATE_TRY(cache.when, read_word(*when, where + ":when", kWhens));
  }
  if (const Value* untracked = value.get("untracked")) {
    SCANGATE_TRY(cache.untracked, read_bool(*untracked, where + ":untracked"));
  }
  return cache;
}

}  // namespace

Result<std::vector<ScriptLine>> read_script(const Value& value, std::string_view where) {
  std::vector<ScriptLine> lines;
  SCANGATE_CHECK(collect_script(value, where, 0, lines));
  return lines;
}

Result<Image> read_image(const Value& value, std::string_view where, const Expander& expand) {
  static const std::array<std::string, 5> kKeys = {"name", "entrypoint", "pull_policy", "docker", "kubernetes"};
  if (!value.is_map()) return read_image_name(value, where, expand);
  SCANGATE_CHECK(check_keys(value, kKeys, where));
  return read_image_map(value, std::string(where), expand);
}

Result<std::vector<Service>> read_services(const Value& value, std::string_view where, const Expander& expand) {
  std::vector<Service> services;
  if (!value.is_list()) return fail(wrong_type(value, where, "a list"));
  for (const Value& item : value.items) {
    if (item.is_list()) {  // flattened, as !reference [.x, services] leaves it
      SCANGATE_TRY(auto inner, read_services(item, where, expand));
      services.insert(services.end(), std::make_move_iterator(inner.begin()), std::make_move_iterator(inner.end()));
      continue;
    }
    SCANGATE_TRY(Service service, read_service(item, std::string(where), expand));
    services.push_back(std::move(service));
  }
  return services;
}

Result<Artifacts> read_artifacts(const Value& value, std::string_view where_view, const Expander& expand) {
  static const std::array<std::string, 10> kKeys = {"name",      "paths",     "exclude", "untracked", "when",
                                                    "expire_in", "expose_as", "access",  "public",    "reports"};
  static const std::array<std::string, 3> kWhens = {"on_success", "on_failure", "always"};
  static const std::array<std::string, 4> kAccess = {"all", "developer", "maintainer", "none"};
  const std::string where(where_view);
  Artifacts artifacts;
  artifacts.place = value.place;
  SCANGATE_CHECK(expect_map(value, where));
  SCANGATE_CHECK(check_keys(value, kKeys, where));
  if (const Value* name = value.get("name")) {
    SCANGATE_TRY(const std::string text, read_text(*name, where + ":name"));
    SCANGATE_TRY(artifacts.name, expand(text, name->place));
  }
  if (const Value* paths = value.get("paths")) {
    SCANGATE_TRY(artifacts.paths, read_texts(*paths, where + ":paths"));
    SCANGATE_CHECK(expand(artifacts.paths, paths->place));
  }
  if (const Value* exclude = value.get("exclude")) {
    SCANGATE_TRY(artifacts.exclude, read_texts(*exclude, where + ":exclude"));
    SCANGATE_CHECK(expand(artifacts.exclude, exclude->place));
  }
  if (const Value* untracked = value.get("untracked")) {
    SCANGATE_TRY(artifacts.untracked, read_bool(*untracked, where + ":untracked"));
  }
  if (const Value* when = value.get("when")) {
    SCANGATE_TRY(artifacts.when, read_word(*when, where + ":when", kWhens));
  }
  if (const Value* expire = value.get("expire_in")) {
    SCANGATE_TRY(artifacts.expire_in, read_text(*expire, where + ":expire_in"));
    if (artifacts.expire_in != "never") SCANGATE_CHECK(read_duration(*expire, where + ":expire_in"));
  }
  if (const Value* expose = value.get("expose_as")) {
    SCANGATE_TRY(artifacts.expose_as, read_text(*expose, where + ":expose_as"));
    if (artifacts.paths.empty()) return fail(error_at(expose->place, where + ":expose_as: needs 'paths' beside it"));
  }
  if (const Value* access = value.get("access")) {
    SCANGATE_TRY(artifacts.access, read_word(*access, where + ":access", kAccess));
  }
  if (const Value* open = value.get("public")) {
    if (!artifacts.access.empty())
      return fail(error_at(open->place, where + ": 'public' and 'access' exclude each other"));
    SCANGATE_TRY(const bool is_public, read_bool(*open, where + ":public"));
    artifacts.access = is_public ? "all" : "developer";
  }
  if (const Value* reports = value.get("reports"))
    SCANGATE_CHECK(read_reports(*reports, where + ":reports", expand, artifacts));
  return artifacts;
}

Result<std::vector<Cache>> read_caches(const Value& value, std::string_view where, const Expander& expand) {
  // GitLab's own limit.
  constexpr std::size_t kMaxCaches = 4;
  std::vector<Cache> caches;
  if (!value.is_list()) {
    // `cache: {}` switches a default cache off.
    if (value.is_map() && value.entries.empty()) return caches;
    SCANGATE_TRY(Cache cache, read_cache(value, std::string(where), expand));
    caches.push_back(std::move(cache));
    return caches;
  }
  if (value.items.size() > kMaxCaches)
    return fail(error_at(value.place, fmt::format("{}: at most {} caches", where, kMaxCaches)));
  for (const Value& item : value.items) {
    SCANGATE_TRY(Cache cache, read_cache(item, std::string(where), expand));
    caches.push_back(std::move(cache));
  }
  return caches;
}

Result<Retry> read_retry(const Value& value, std::string_view where_view) {
  static const std::array<std::string, 3> kKeys = {"max", "when", "exit_codes"};
  const std::string where(where_view);
  Retry retry;
  if (!value.is_map()) {
    SCANGATE_TRY(const std::int64_t most, read_integer(value, where, 0, 2));
    retry.max = static_cast<int>(most);
    return retry;
  }
  SCANGATE_CHECK(check_keys(value, kKeys, where));
  if (const Value* most = value.get("max")) {
    SCANGATE_TRY(const std::int64_t number, read_integer(*most, where + ":max", 0, 2));
    retry.max = static_cast<int>(number);
  }
  if (const Value* when = value.get("when")) {
    SCANGATE_TRY(retry.when, read_text_or_texts(*when, where + ":when"));
  }
  if (const Value* codes = value.get("exit_codes")) {
    SCANGATE_TRY(retry.exit_codes, read_exit_codes(*codes, where + ":exit_codes"));
  }
  return retry;
}

Result<AllowFailure> read_allow_failure(const Value& value, std::string_view where_view) {
  static const std::array<std::string, 1> kKeys = {"exit_codes"};
  const std::string where(where_view);
  AllowFailure allow;
  if (value.is_map()) {
    SCANGATE_CHECK(check_keys(value, kKeys, where));
    const Value* codes = value.get("exit_codes");
    if (codes == nullptr) return fail(error_at(value.place, where + ": 'exit_codes' is missing"));
    SCANGATE_TRY(allow.exit_codes, read_exit_codes(*codes, where + ":exit_codes"));
    return allow;
  }
  SCANGATE_TRY(allow.allowed, read_bool(value, where));
  return allow;
}

Result<When> read_when(const Value& value, std::string_view where) {
  static const std::array<std::string, 6> kWords = {"on_success", "on_failure", "always", "manual", "delayed", "never"};
  SCANGATE_TRY(const std::string word, read_word(value, where, kWords));
  return static_cast<When>(std::find(kWords.begin(), kWords.end(), word) - kWords.begin());
}

Result<std::string> read_environment(const Value& value, std::string_view where, const Expander& expand) {
  const Value* name = &value;
  if (value.is_map()) {
    name = value.get("name");
    if (name == nullptr) return std::string();
  }
  SCANGATE_TRY(const std::string text, read_text(*name, where));
  return expand(text, name->place);
}

Result<std::vector<Need>> read_needs(const Value& value, std::string_view where_view, std::vector<Warning>& warnings) {
  static const std::array<std::string, 7> kKeys = {"job",     "artifacts", "optional", "pipeline",
                                                   "project", "ref",       "parallel"};
  const std::string where(where_view);
  std::vector<Need> needs;
  if (!value.is_list()) return fail(wrong_type(value, where, "a list of jobs"));
  if (value.items.size() > kMaxNeeds)
    return fail(error_at(value.place, fmt::format("{}: at most {} jobs", where, kMaxNeeds)));
  for (const Value& item : value.items) {
    if (item.is_list()) {
      SCANGATE_TRY(auto inner, read_needs(item, where, warnings));
      needs.insert(needs.end(), inner.begin(), inner.end());
      continue;
    }
    Need need;
    need.place = item.place;
    if (!item.is_map()) {
      SCANGATE_TRY(need.job, read_text(item, where));
      needs.push_back(std::move(need));
      continue;
    }
    SCANGATE_CHECK(check_keys(item, kKeys, where));
    if (item.get("project") != nullptr || item.get("pipeline") != nullptr) {
      warnings.push_back(
          {item.place, fmt::format("{}: needs of other projects and pipelines are not served yet", where)});
      continue;
    }
    if (const Value* parallel = item.get("parallel"))
      return fail(error_at(parallel->place, where + ":parallel is not supported yet").remedy("need the whole job"));
    const Value* job = item.get("job");
    if (job == nullptr) return fail(error_at(item.place, where + ": 'job' is missing"));
    SCANGATE_TRY(need.job, read_text(*job, where + ":job"));
    if (const Value* artifacts = item.get("artifacts")) {
      SCANGATE_TRY(need.artifacts, read_bool(*artifacts, where + ":artifacts"));
    }
    if (const Value* optional = item.get("optional")) {
      SCANGATE_TRY(need.optional, read_bool(*optional, where + ":optional"));
    }
    needs.push_back(std::move(need));
  }
  return needs;
}

Result<std::vector<ParallelCopy>> read_parallel(const Value& value, std::string_view job, std::string_view where_view) {
  static const std::array<std::string, 1> kKeys = {"matrix"};
  const std::string where(where_view);
  std::vector<ParallelCopy> copies;
  if (!value.is_map()) {
    SCANGATE_TRY(const std::int64_t total, read_integer(value, where, 1, kMaxParallel));
    for (std::int64_t i = 1; i <= total; ++i)
      copies.push_back({fmt::format("{} {}/{}", job, i, total), {}, value.place});
    return copies;
  }
  SCANGATE_CHECK(check_keys(value, kKeys, where));
  const Value* matrix = value.get("matrix");
  if (matrix == nullptr || !matrix->is_list())
    return fail(error_at(value.place, where + ": 'matrix' must be a list of maps"));
  for (const Value& row : matrix->items) {
    SCANGATE_CHECK(expect_map(row, where + ":matrix"));
    std::vector<ParallelCopy> combined = {{"", {}, row.place}};
    for (const Entry& entry : row.entries) {
      SCANGATE_TRY(const auto values, read_text_or_texts(entry.value, where + ":matrix:" + printable(entry.key)));
      if (combined.size() * values.size() > kMaxParallel)
        return fail(error_at(matrix->place, fmt::format("{}:matrix: more than {} jobs", where, kMaxParallel)));
      std::vector<ParallelCopy> next;
      for (const ParallelCopy& copy : combined) {
        for (const std::string& text : values) {
          ParallelCopy more = copy;
          more.variables.emplace_back(entry.key, text);
          more.name += (more.name.empty() ? "" : ", ") + text;
          next.push_back(std::move(more));
        }
      }
      combined = std::move(next);
    }
    for (ParallelCopy& copy : combined) {
      copy.name = fmt::format("{}: [{}]", job, copy.name);
      copies.push_back(std::move(copy));
    }
    if (copies.size() > kMaxParallel)
      return fail(error_at(matrix->place, fmt::format("{}:matrix: more than {} jobs", where, kMaxParallel)));
  }
  return copies;
}

}  // namespace scangate::ci
