#pragma once
// What is known about the pipeline from outside its configuration, and the predefined variables made of it.
// https://docs.gitlab.com/ci/variables/predefined_variables/
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/ci/config_files.h"
#include "pipeline/ci/variables.h"

namespace scangate::ci {

// All fields may stay empty: the variable is then not predefined, and what depends on it is decided at run time.
struct PipelineContext {
  std::string config_path = ".gitlab-ci.yml";

  std::string server_url;    // "https://gitlab.example.com"
  std::string project_path;  // "group/sub/app"
  std::string project_id;
  std::string project_dir;  // where a job finds the checkout
  std::string default_branch;

  std::string sha;
  std::string before_sha;
  std::string branch;  // set for a branch pipeline
  std::string tag;     // set for a tag pipeline
  std::string commit_message;
  std::string commit_author;
  std::string commit_timestamp;
  bool ref_protected = false;

  // CI_PIPELINE_SOURCE: push, merge_request_event, schedule, web, api, trigger, …
  std::string source = "push";
  std::string pipeline_id;
  std::string pipeline_iid;
  std::string merge_request_iid;
  std::string source_branch;  // of the merge request
  std::string target_branch;

  std::string registry;        // "registry.gitlab.example.com"; CI_REGISTRY
  std::string registry_image;  // CI_REGISTRY_IMAGE; registry and project path when empty

  // Paths the push or merge request changed, for `changes:`. Unknown means every `changes:` holds, as GitLab does where
  // there is nothing to compare with.
  std::optional<std::vector<std::string>> changed_paths;

  // Settings > CI/CD > Variables of project, group, instance.
  std::map<std::string, std::string> project_variables;
  // Given for this pipeline alone; the strongest.
  std::map<std::string, std::string> pipeline_variables;

  // Name of the branch or tag; of the source branch in a merge request pipeline.
  std::string ref_name() const;
};

// The context of a commit: sha, branch or tag, message, and project path and server from the remote `origin`.
PipelineContext context_of_commit(const CommitFacts& facts);

// The CI_* variables every job of the pipeline has. Passwords and tokens are never among them.
Variables predefined_variables(const PipelineContext& context);

// Lower-case, [^a-z0-9] to "-", at most 63 bytes, no "-" at either end: CI_COMMIT_REF_SLUG and the like.
std::string slug(std::string_view text);

}  // namespace scangate::ci
