#pragma once
// Command lines of kaniko's /kaniko/executor as typed requests. Pure; what is not served is refused by name.
// Source: https://github.com/GoogleContainerTools/kaniko#additional-flags (1.23).
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/command/docker.h"

namespace scangate::command {

struct KanikoBuild {
  enum class Context {
    folder,   // a path, or dir://
    archive,  // tar://FILE, a tar or tar.gz
    input,    // tar://stdin
    url,      // https://… of a tar
    git,      // git://HOST/PATH[#REF[#COMMIT]], which is asked over https
  };
  Context context_kind = Context::folder;
  std::string context;     // path of the folder or archive; the URL; "https://HOST/PATH#REF" of a repository
  std::string sub_path;    // --context-sub-path
  std::string dockerfile;  // relative to the caller's folder first, then to the context
  std::vector<std::string> destinations;
  std::vector<BuildArg> build_args;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<AnnotationFlag> annotations;
  std::string target;
  std::string platform;
  std::string tar_path;         // gets a docker-archive
  std::string oci_layout_path;  // gets an OCI layout
  std::string digest_file;      // get the manifest's digest: "sha256:…", "name@sha256:…", "name:tag@sha256:…"
  std::string image_name_with_digest_file;
  std::string image_name_tag_with_digest_file;
  bool no_push = false;
  bool quiet = false;
  std::string cache_repository;                       // --cache-repo: shared with other hosts
  std::optional<std::chrono::seconds> cache_max_age;  // --cache-ttl
  bool push_cache = true;                             // unless --no-push-cache
  bool cache = true;  // our own build cache: on unless --cache=false or --no-cache… says otherwise
};

using KanikoRequest = std::variant<KanikoBuild, HelpRequest>;

struct KanikoCommand {
  KanikoRequest request;
  std::vector<std::string> notes;  // flags that do nothing here
};

// `args`: what comes after the program's name. Errors: Fault::user.
Result<KanikoCommand> parse_kaniko(std::span<const std::string> args);

}  // namespace scangate::command
