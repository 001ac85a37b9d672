#include "pipeline/ci/context.h"

#include "base/text.h"

namespace scangate::ci {
namespace {

struct Origin {
  std::string server_url;
  std::string project_path;
};

// "https://***@host/group/app.git", "ssh://git@host:22/group/app", "git@host:group/app.git".
Origin parse_origin(std::string_view url) {
  Origin origin;
  std::string_view path;
  std::string_view host;
  std::string scheme = "https";
  if (const auto mark = url.find("://"); mark != std::string_view::npos) {
    if (url.substr(0, mark) == "http") scheme = "http";
    const bool web = url.starts_with("http");
    if (!web && !url.starts_with("ssh") && !url.starts_with("git")) return origin;
    std::string_view rest = url.substr(mark + 3);
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) return origin;
    host = rest.substr(0, slash);
    path = rest.substr(slash + 1);
    if (const auto at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
    if (!web) host = host.substr(0, host.find(':'));
  } else if (const auto colon = url.find(':'); colon != std::string_view::npos && !url.starts_with('/')) {
    host = url.substr(0, colon);
    path = url.substr(colon + 1);
    if (const auto at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  } else {
    return origin;
  }
  while (path.ends_with('/'))
    path.remove_suffix(1);
  if (path.ends_with(".git")) path.remove_suffix(4);
  if (host.empty() || path.empty()) return origin;
  origin.server_url = scheme + "://" + std::string(host);
  origin.project_path = path;
  return origin;
}

std::string_view host_of(std::string_view url) {
  if (const auto mark = url.find("://"); mark != std::string_view::npos) url.remove_prefix(mark + 3);
  return url.substr(0, url.find('/'));
}

}  // namespace

std::string PipelineContext::ref_name() const {
  if (!tag.empty()) return tag;
  return source == "merge_request_event" && !source_branch.empty() ? source_branch : branch;
}

PipelineContext context_of_commit(const CommitFacts& facts) {
  PipelineContext context;
  Origin origin = parse_origin(facts.origin_url);
  context.server_url = std::move(origin.server_url);
  context.project_path = std::move(origin.project_path);
  context.default_branch = facts.default_branch;
  context.sha = facts.sha;
  context.before_sha = facts.parent_sha;
  context.branch = facts.branch;
  if (context.branch.empty()) context.tag = facts.tag;
  context.commit_message = facts.message;
  context.commit_author = facts.author;
  context.commit_timestamp = facts.timestamp;
  context.changed_paths = facts.changed_paths;
  return context;
}

std::string slug(std::string_view text) {
  // 63 bytes: what a host name or Kubernetes label may have.
  constexpr std::size_t kMaxSlug = 63;
  std::string out = to_lower(text);
  for (char& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) c = '-';
  out.resize(std::min(out.size(), kMaxSlug));
  const std::size_t begin = out.find_first_not_of('-');
  if (begin == std::string::npos) return {};
  return out.substr(begin, out.find_last_not_of('-') - begin + 1);
}

Variables predefined_variables(const PipelineContext& context) {
  Variables variables;
  const auto set = [&](std::string name, std::string value) {
    if (!value.empty()) variables.set(std::move(name), std::move(value), VariableOrigin::predefined);
  };
  set("CI", "true");
  set("GITLAB_CI", "true");
  set("CI_SERVER", "yes");
  set("CI_SERVER_NAME", "GitLab");
  set("CI_CONFIG_PATH", context.config_path);
  set("CI_PROJECT_DIR", context.project_dir);
  set("CI_PROJECT_ID", context.project_id);
  set("CI_DEFAULT_BRANCH", context.default_branch);
  set("CI_DEFAULT_BRANCH_SLUG", slug(context.default_branch));

  if (!context.server_url.empty()) {
    const std::string_view host_port = host_of(context.server_url);
    const std::size_t colon = host_port.find(':');
    const bool plain = context.server_url.starts_with("http://");
    set("CI_SERVER_URL", context.server_url);
    set("CI_SERVER_PROTOCOL", plain ? "http" : "https");
    set("CI_SERVER_HOST", std::string(host_port.substr(0, colon)));
    set("CI_SERVER_FQDN", std::string(host_port));
    set("CI_SERVER_PORT",
        colon == std::string_view::npos ? (plain ? "80" : "443") : std::string(host_port.substr(colon + 1)));
    set("CI_API_V4_URL", context.server_url + "/api/v4");
    set("CI_API_GRAPHQL_URL", context.server_url + "/api/graphql");
  }
  if (!context.project_path.empty()) {
    const std::size_t slash = context.project_path.rfind('/');
    const std::string name = slash == std::string::npos ? context.project_path : context.project_path.substr(slash + 1);
    set("CI_PROJECT_PATH", context.project_path);
    set("CI_PROJECT_PATH_SLUG", slug(context.project_path));
    set("CI_PROJECT_NAME", name);
    set("CI_PROJECT_TITLE", name);
    if (slash != std::string::npos) set("CI_PROJECT_NAMESPACE", context.project_path.substr(0, slash));
    if (slash != std::string::npos)
      set("CI_PROJECT_ROOT_NAMESPACE", context.project_path.substr(0, context.project_path.find('/')));
    if (!context.server_url.empty()) set("CI_PROJECT_URL", context.server_url + "/" + context.project_path);
  }
  set("CI_REGISTRY", context.registry);
  if (!context.registry_image.empty())
    set("CI_REGISTRY_IMAGE", context.registry_image);
  else if (!context.registry.empty() && !context.project_path.empty())
    set("CI_REGISTRY_IMAGE", context.registry + "/" + to_lower(context.project_path));

  const std::string ref = context.ref_name();
  set("CI_COMMIT_SHA", context.sha);
  set("CI_COMMIT_SHORT_SHA", context.sha.substr(0, 8));
  set("CI_COMMIT_BEFORE_SHA", context.before_sha.empty() ? std::string(40, '0') : context.before_sha);
  set("CI_COMMIT_REF_NAME", ref);
  set("CI_COMMIT_REF_SLUG", slug(ref));
  set("CI_COMMIT_REF_PROTECTED", context.ref_protected ? "true" : "false");
  set("CI_COMMIT_TAG", context.tag);
  if (context.tag.empty() && context.source != "merge_request_event") set("CI_COMMIT_BRANCH", context.branch);
  set("CI_COMMIT_AUTHOR", context.commit_author);
  set("CI_COMMIT_TIMESTAMP", context.commit_timestamp);
  if (!context.commit_message.empty()) {
    const std::size_t line = context.commit_message.find('\n');
    set("CI_COMMIT_MESSAGE", context.commit_message);
    set("CI_COMMIT_TITLE", context.commit_message.substr(0, line));
    if (line != std::string::npos)
      set("CI_COMMIT_DESCRIPTION", std::string(trim(std::string_view(context.commit_message).substr(line))));
  }

  set("CI_PIPELINE_SOURCE", context.source);
  set("CI_PIPELINE_ID", context.pipeline_id);
  set("CI_PIPELINE_IID", context.pipeline_iid);
  if (context.source == "merge_request_event") {
    set("CI_MERGE_REQUEST_IID", context.merge_request_iid);
    set("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", context.source_branch);
    set("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", context.target_branch);
    set("CI_MERGE_REQUEST_EVENT_TYPE", "detached");
  }
  return variables;
}

}  // namespace scangate::ci
