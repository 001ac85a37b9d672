#pragma once
// Compose files as far as building and pushing goes. https://github.com/compose-spec/compose-spec, spec.md and
// build.md.
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "pipeline/command/docker.h"

namespace scangate {

struct ComposeService {
  std::string name;
  std::string image;                           // as written; empty: made from the project's and the service's names
  std::optional<command::BuildRequest> build;  // context relative to the project's folder; tags are `build: tags:`
  std::vector<std::string> profiles;
};

struct ComposeProject {
  std::string name;                      // `name:`, may be empty
  std::vector<ComposeService> services;  // in order
  std::string yaml;                      // everything, merged and with variables put in, as `config` prints it
  std::string json;
};

using ComposeVariables = std::function<std::optional<std::string>(std::string_view name)>;

// `files`: name and text of each, a later one over the ones before. Errors, Fault::user with file:line:column: bad
// YAML, a required variable that is not set, and what building cannot honour.
Result<ComposeProject> read_compose(const std::vector<std::pair<std::string, std::string>>& files,
                                    const ComposeVariables& variables);

// $NAME, ${NAME}, ${NAME:-other}, ${NAME-other}, ${NAME:?message}, ${NAME?message}, ${NAME:+other}, ${NAME+other}, $$.
Result<std::string> put_in_variables(std::string_view text, const ComposeVariables& variables, int depth = 0);

// Lines of a .env file: NAME=VALUE, quotes taken off, comments left out.
std::map<std::string, std::string> read_env_file(std::string_view text);

}  // namespace scangate
