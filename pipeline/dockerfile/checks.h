#pragma once
// Build checks: what works today and is likely not meant so. The rules and their names are BuildKit's
// (docs.docker.com/reference/build-checks); UndefinedVar needs the base image's environment and is the builder's.
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/dockerfile/ast.h"
#include "pipeline/dockerfile/ignore.h"
#include "pipeline/dockerfile/stages.h"

namespace scangate::dockerfile {

// `# check=skip=RULE,RULE;experimental=RULE;error=true`; "all" stands for every rule.
struct CheckOptions {
  std::vector<std::string> skip;
  std::vector<std::string> experimental;
  bool error = false;  // a warning fails the build
  // Whether a warning of this rule is wanted.
  bool wants(std::string_view rule) const;
};

// Errors: Fault::user without place: an option that is none, a truth value that is none.
Result<CheckOptions> parse_check_options(std::string_view text);

// The warnings of the file alone, those of the parser among them, in the order of their places; `resolved` is of the
// same file, `ignore` of its context.
std::vector<Warning> check_dockerfile(const Dockerfile& file, const ResolvedFile& resolved, const IgnoreRules& ignore,
                                      const CheckOptions& options);

// Whether the name of an ARG or ENV says that it holds a secret: API_KEY, DB_PASSWORD; not PUBLIC_KEY.
bool names_a_secret(std::string_view name);

}  // namespace scangate::dockerfile
