#pragma once
// Which requests of a job may go to GitLab with the job's credentials. What would hand out a registry token may not:
// with it the job could push around the gate. GitLab REST API, "CI/CD job token"; git's http-protocol(5); GitLab
// container registry, "JWT token authentication".
#include <optional>
#include <string>
#include <string_view>

namespace scangate {

// nullopt: it may. Otherwise the reason, one line for the job. `target` is path and query as sent; `root` is GitLab's
// relative URL ("" or "/gitlab"). Only paths that can be read in one way are let through: no dot segments, however they
// are encoded, no backslashes, no empty segments.
std::optional<std::string> why_not_forwarded(std::string_view method, std::string_view target, std::string_view root);

// POST /projects/:id/trigger/pipeline and /projects/:id/ref/:ref/trigger/pipeline take the job token in the body.
bool takes_trigger_token(std::string_view method, std::string_view target, std::string_view root);

}  // namespace scangate
