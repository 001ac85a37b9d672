#pragma once
// The host's configuration: /etc/scangate/config.yaml, docs/configuration.md. Settings of a job or repository never end
// up here.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "executor/gitlab/server_address.h"
#include "pipeline/registry/registry.h"
#include "pipeline/sandbox/network.h"
#include "pipeline/sandbox/sandbox.h"

namespace scangate {

enum class Enforce {
  strict,   // what the policy stops stays here
  observe,  // everything is scanned and reported, nothing is stopped
  off,      // nothing is scanned
};

enum class OnStop {
  job,      // a stopped push fails the job, also when its script swallows the error
  command,  // only the command fails
};

struct ReportSettings {
  bool upload = true;                 // report types that a job's YAML does not declare
  std::string expire_in = "30 days";  // as GitLab's artifacts:expire_in
};

// Amazon's ECR: where its API is, and whose keys are used for jobs that have none. Never from a job.
struct AwsSettings {
  std::string endpoint;  // of the ECR API, "https://vpce-1.api.ecr.eu-west-1.vpce.amazonaws.com"; empty: the region's
  std::string sts_endpoint;                // the same for STS
  std::filesystem::path ca_file;           // added to the system's certificates
  std::filesystem::path credentials_file;  // in the AWS CLI's form, profile "default"; empty: jobs bring their own keys
};

// Of `docker build` and its kin.
struct BuildSettings {
  int run_timeout_minutes = 0;                                     // of one RUN step; 0: none
  std::optional<std::uint64_t> cache_mounts_bytes = 20ULL << 30U;  // what RUN --mount=type=cache may keep on this host
};

struct Settings {
  std::filesystem::path store;
  bool without_mounts = false;                  // images that only copy may be built where nothing mounts; in no file
  std::string names_of;                         // whose image names: see Store::open; set for a job, in no file
  std::filesystem::path database;               // the advisory database
  std::optional<std::filesystem::path> policy;  // absent: the built-in default policy
  Enforce enforce = Enforce::strict;
  OnStop on_stop = OnStop::job;
  std::string runtime = "auto";                      // see SandboxSettings
  NetworkChoice network = NetworkChoice::automatic;  // of jobs
  std::vector<std::uint16_t>
      allow_host_loopback;  // ports of the host's 127.0.0.1 that jobs may use, see NetworkSettings
  SandboxLimits limits;     // of each script, service and RUN step
  BuildSettings builds;
  bool no_new_privileges = false;         // of scripts and services: setuid programs lose their meaning
  int service_wait_seconds = 30;          // for a service's ports to open; 0: scripts start at once
  bool services_on_host_network = false;  // services also where jobs have no network of their own
  RegistrySettings registries;
  AwsSettings aws;
  // Images (reference patterns, "docker:*") that are not pulled: the host's read-only tool root plus the shim takes
  // their place.
  std::vector<std::string> tool_images;
  // Services that the gate itself stands in for.
  std::vector<std::string> gate_services;
  // Job variables whose values no sandbox may see, each with the hosts it may be sent to ("registry.example",
  // "*.amazonaws.com"); an empty list leaves the variable alone. What GitLab itself hands out (job token, deploy token,
  // DOCKER_AUTH_CONFIG) needs no entry.
  std::map<std::string, std::vector<std::string>> brokered;
  // Where this host reaches GitLab, when not at the address that users have: the runner's clone_url. No root.
  std::optional<ServerAddress> gitlab_url;
  ReportSettings reports;
  std::filesystem::path shim;  // the static program that is put into sandboxes
};

// Text of a configuration file over the given defaults. Errors: Fault::user with file:line:column and the nearest known
// key.
Result<Settings> parse_settings(std::string_view yaml, const std::string& place, Settings defaults);

// Where things are when nothing says otherwise: as root under /var/lib/scangate, else under $XDG_DATA_HOME/scangate or
// ~/.local/share/scangate. `environment` holds "NAME=value" strings; `program` is the path of the running binary.
Settings default_settings(bool as_root, const std::vector<std::string>& environment,
                          const std::filesystem::path& program);

struct SettingsRequest {
  std::optional<std::filesystem::path>
      config_file;  // --config; else SCANGATE_CONFIG, else /etc/scangate/config.yaml when it exists
  std::optional<std::filesystem::path> store;     // --store, SCANGATE_STORE
  std::optional<std::filesystem::path> database;  // --db, SCANGATE_DB
  std::optional<std::filesystem::path> policy;    // --policy, SCANGATE_POLICY
};
// Defaults, then the file, then the environment, then the request. The environment is the host's: callers inside a
// job's reach (the executor's stages) pass it without anything a job can set.
Result<Settings> load_settings(const SettingsRequest& request, const std::vector<std::string>& environment,
                               bool as_root, const std::filesystem::path& program);

// The value of a variable in "NAME=value" strings.
std::optional<std::string> environment_value(const std::vector<std::string>& environment, std::string_view name);

}  // namespace scangate
