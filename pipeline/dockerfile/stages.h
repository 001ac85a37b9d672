#pragma once
// Which stages a build needs, what each stands on, and which ARG values are in scope.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"
#include "pipeline/dockerfile/expand.h"

namespace scangate::dockerfile {

using Variables = std::map<std::string, std::string, std::less<>>;

// What `--build-context` gave under a name as a Dockerfile writes it: the context's own name for itself; nullopt for
// none.
using ContextLookup = std::function<std::optional<std::string>(std::string_view)>;

struct StageOptions {
  Variables build_args;
  // OCI names ("linux", "amd64", "" or "v8"): of the image that is built, and of the host that builds it.
  std::string os = "linux";
  std::string architecture = "amd64";
  std::string variant;
  std::string build_os = "linux";
  std::string build_architecture = "amd64";
  std::string build_variant;
  std::string target;      // stage name or number; empty: the last stage
  ContextLookup contexts;  // may be empty
};

enum class BaseKind { scratch, stage, image, context };

// What `COPY --from` or `RUN --mount=from=` refers to.
struct SourceRef {
  BaseKind kind = BaseKind::image;
  std::size_t stage = 0;  // when kind is stage
  std::string image;      // when kind is image; the name of a context
};

struct ResolvedStage {
  SourceRef base;
  // A context of its name stands for the whole stage: it is `base`, and no instruction is done.
  bool replaced = false;
  std::string platform;            // of --platform, expanded; empty when not given
  std::vector<std::size_t> needs;  // stages, ascending, each once
};

struct ResolvedFile {
  Variables global_args;  // ARGs before the first FROM and the platform ARGs, with their values
  std::vector<ResolvedStage> stages;
  std::size_t target = 0;
  ContextLookup contexts;          // of the options
  std::vector<std::size_t> order;  // what the target needs, needed ones first, the target last
};

// Errors: Fault::user with place: no such target, a stage that needs itself, an empty base after expansion.
Result<ResolvedFile> resolve_stages(const Dockerfile& file, const StageOptions& options);

// The stage, context or image that `--from=from` names in `stage` (numbers and names, case-insensitive).
Result<SourceRef> resolve_source(const Dockerfile& file, std::size_t stage, const Word& from,
                                 const ContextLookup& contexts);

// ARGs that need no declaration: HTTP_PROXY and friends in both cases. They stay out of history and cache keys.
bool is_predefined_arg(std::string_view name);
// TARGETPLATFORM, BUILDOS and the like: global scope, a bare ARG brings them into a stage.
Variables platform_args(const StageOptions& options);

// Names of build arguments that no ARG line declares, for a warning.
std::vector<std::string> unused_build_args(const Dockerfile& file, const Variables& build_args);

}  // namespace scangate::dockerfile
