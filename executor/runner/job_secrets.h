#pragma once
// Which values of a job are credentials, and which hosts each belongs to.
#include <memory>
#include <optional>

#include "base/progress.h"
#include "executor/broker/broker.h"
#include "executor/forward/gitlab_forwarder.h"
#include "executor/gitlab/server_address.h"
#include "executor/runner/job_response.h"
#include "executor/settings/settings.h"

namespace scangate {

// The job token (under all its names: what counts is the value), the instance's registry credentials, the deploy token,
// DOCKER_AUTH_CONFIG, AWS keys, and the variables that the host's `brokered` names. `server` is absent where the job
// response names none.
std::shared_ptr<Broker> job_secrets(const JobResponse& job, const ServerAddress* server, const Settings& settings);

// The job's GitLab server, with the TLS settings the configuration has for its host. Without one the job's requests to
// GitLab carry placeholders to the real server, which refuses them.
std::optional<ForwarderTarget> forwarder_target(const JobResponse& job, const Settings& settings, Progress& progress);

}  // namespace scangate
