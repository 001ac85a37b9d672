#pragma once
// The images of a job: fetched by prepare, found again by its scripts.
#include <filesystem>
#include <optional>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "executor/broker/broker.h"
#include "executor/console/console.h"
#include "executor/engine/engine.h"
#include "executor/engine/logins.h"
#include "executor/runner/job_response.h"
#include "executor/services/services.h"
#include "executor/session/job_step.h"

namespace scangate {

// Pulls an image for its platform as its pull policies say, one after the other until one gives it, and unpacks it.
// Without policies it is pulled always, as GitLab Runner does. Errors: of the last policy; Fault::user for a policy or
// platform that is none.
Result<Digest> fetch_image(Engine& engine, const JobImage& image, const Cancel& cancel, Progress& progress);

// What prepare fetched. Kept in the job's state folder, so that another job's pull of the same name changes nothing.
struct JobImages {
  std::optional<Digest> image;   // absent: the host's tools
  std::vector<Digest> services;  // in the order of served_services()
};
// Fetches the job's image and those of its services, and says which each is. `network`: of the kind its scripts will
// have. Errors: Fault::host when services need a network of their own and there is none; those of fetch_image.
Result<JobImages> prepare_images(Engine& engine, const JobResponse& job, const JobNetwork& network,
                                 const Cancel& cancel, Console& console);

Result<void> write_job_images(const std::filesystem::path& state_folder, const JobImages& images);
Result<JobImages> read_job_images(const std::filesystem::path& state_folder);

// The services that run as containers: all but those the gate stands in for.
std::vector<JobService> served_services(const JobResponse& job, const Settings& settings);

// Services with the job's variables and their own, without a secret in them.
Result<std::vector<ServiceOrder>> service_orders(const JobResponse& job, const Settings& settings,
                                                 const JobImages& images, const Broker& broker);

// The step that runs `script` in the job's image, or with the host's tools, beside its services.
Result<JobStep> job_step(const JobResponse& job, const Settings& settings, const JobImages& images, ScriptStep script,
                         GateContext context);

// The registry credentials that came with the job.
void add_registry_logins(const JobResponse& job, Logins& logins);

// Credentials of DOCKER_AUTH_CONFIG, for pulls of the job's images. Its credential helpers are programs a job named:
// they are not run, and a warning says so.
void add_docker_auth_config(const JobResponse& job, Logins& logins, Progress& progress);

}  // namespace scangate
