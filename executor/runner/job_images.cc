#include "executor/runner/job_images.h"

#include "base/base64.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/text.h"
#include "executor/console/log_section.h"
#include "executor/job/job_sandbox.h"
#include "executor/services/service_names.h"
#include "executor/settings/image_patterns.h"
#include "pipeline/image/image_index.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFile = "images.json";
constexpr std::size_t kMaxFileBytes = 1U << 20U;

Result<Digest> fetch_by(Engine& engine, const Reference& name, const Platform& platform, std::string_view policy,
                        const Cancel& cancel, Progress& progress) {
  if (policy == "never") {
    SCANGATE_TRY(const auto found, engine.store()->find(name));
    if (!found)
      return fail(
          Error(Fault::user, fmt::format("image {} is not on this host, and may not be pulled", name.familiar()))
              .remedy("use pull_policy: if-not-present"));
    return platform_manifest(*engine.store(), *found, platform);
  }
  if (policy != "always" && policy != "if-not-present")
    return fail(Error(Fault::user, fmt::format("unknown pull_policy '{}'", printable(policy)))
                    .remedy("use always, if-not-present or never"));
  const PullPolicy how = policy == "always" ? PullPolicy::always : PullPolicy::if_not_present;
  SCANGATE_TRY(const auto pulled, engine.registry().pull(name, platform, how, *engine.store(), cancel, progress));
  return pulled.manifest_digest;
}

Result<Digest> fetch_in_section(Engine& engine, const JobImage& image, const Cancel& cancel, Console& console) {
  const LogSection section(console, "scangate_image", "Image " + image.name);
  return fetch_image(engine, image, cancel, console);
}

}  // namespace

Result<Digest> fetch_image(Engine& engine, const JobImage& image, const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(const Reference name, Reference::parse(image.name));
  Platform platform = Platform::host();
  if (!image.platform.empty()) {
    SCANGATE_TRY(platform, Platform::parse(image.platform));
  }
  std::vector<std::string> policies = image.pull_policy;
  if (policies.empty()) policies = {"always"};
  for (std::size_t i = 0; i < policies.size(); ++i) {
    progress.line(Level::info,
                  fmt::format("{} image {} ...", policies[i] == "never" ? "Looking for" : "Pulling", name.familiar()));
    auto digest = fetch_by(engine, name, platform, policies[i], cancel, progress);
    if (!digest) {
      if (i + 1 == policies.size() || cancel.cancelled()) return digest;
      progress.line(Level::warning,
                    fmt::format("pull_policy {}: {}; trying {}", policies[i], digest.error().text(), policies[i + 1]));
      continue;
    }
    SCANGATE_TRY(Snapshots * snapshots, engine.snapshots());
    SCANGATE_TRY(const auto manifest, engine.store()->manifest(*digest));
    SCANGATE_TRY(const auto config, engine.store()->config(manifest));
    SCANGATE_CHECK(snapshots->unpack(config.diff_ids, cancel, progress));
    progress.line(Level::info, fmt::format("Using image {} with digest {}", name.familiar(), digest->str()));
    return digest;
  }
  return fail(Fault::user, "no pull_policy");
}

Result<JobImages> prepare_images(Engine& engine, const JobResponse& job, const JobNetwork& network,
                                 const Cancel& cancel, Console& console) {
  const Settings& settings = engine.settings();
  JobImages images;
  for (const auto& service : job.services)
    if (matches_image(service.image.name, settings.gate_services))
      console.line(Level::info, fmt::format("Service {}: served by the image gate", service.image.name));
  const auto services = served_services(job, settings);
  if (!services.empty() && network.is_host() && !settings.services_on_host_network)
    return fail(
        Error(Fault::host, fmt::format("service '{}' needs a job network of its own, which this host does not give",
                                       services[0].image.name))
            .remedy("install passt or slirp4netns, or set services.on_host_network"));
  for (const auto& service : services) {
    SCANGATE_TRY(const Digest digest, fetch_in_section(engine, service.image, cancel, console));
    images.services.push_back(digest);
    console.line(Level::info, fmt::format("Service {}: as {}", service.image.name,
                                          fmt::join(service_names(service.image.name, service.aliases), ", ")));
  }
  if (job.image.name.empty()) {
    console.line(Level::info, "No image: the job runs with the host's tools, read-only");
  } else if (matches_image(job.image.name, settings.tool_images)) {
    console.line(Level::info, fmt::format("Image {}: the host's tools, read-only, with docker served by the image gate",
                                          job.image.name));
  } else {
    SCANGATE_TRY(images.image, fetch_in_section(engine, job.image, cancel, console));
  }
  return images;
}

Result<void> write_job_images(const fs::path& state_folder, const JobImages& images) {
  nlohmann::ordered_json out;
  if (images.image) out["image"] = images.image->str();
  out["services"] = nlohmann::ordered_json::array();
  for (const auto& digest : images.services)
    out["services"].push_back(digest.str());
  return write_file_atomic(state_folder / kFile, as_bytes(dump_json(out)));
}

Result<JobImages> read_job_images(const fs::path& state_folder) {
  auto text = read_file(state_folder / kFile, kMaxFileBytes);
  if (!text) return fail(std::move(text).error().remedy("prepare_exec must have run before"));
  SCANGATE_TRY(const auto json, parse_json(*text, (state_folder / kFile).string()));
  JobImages out;
  if (const std::string image = json_string(json, "image"); !image.empty()) {
    SCANGATE_TRY(out.image, Digest::parse(image));
  }
  for (const auto& item : json_array(json, "services")) {
    SCANGATE_TRY(const Digest digest, Digest::parse(item.is_string() ? item.get<std::string>() : ""));
    out.services.push_back(digest);
  }
  return out;
}

std::vector<JobService> served_services(const JobResponse& job, const Settings& settings) {
  std::vector<JobService> out;
  for (const auto& service : job.services)
    if (!matches_image(service.image.name, settings.gate_services)) out.push_back(service);
  return out;
}

Result<std::vector<ServiceOrder>> service_orders(const JobResponse& job, const Settings& settings,
                                                 const JobImages& images, const Broker& broker) {
  const auto services = served_services(job, settings);
  if (services.size() != images.services.size())
    return fail(Fault::host, "the job's services are not the ones that were prepared");
  std::vector<ServiceOrder> out;
  for (std::size_t i = 0; i < services.size(); ++i) {
    const JobService& service = services[i];
    ServiceOrder order{
        .name = service.image.name,
        .image = {.digest = images.services[i], .entrypoint = service.image.entrypoint, .user = service.image.user},
        .aliases = service.aliases,
        .command = service.command,
        .environment = {}};
    // Its own variables may name the job's, and are stronger.
    JobResponse scope = job;
    scope.variables.insert(scope.variables.end(), service.variables.begin(), service.variables.end());
    for (const auto& variable : scope.variables) {
      // A file variable is a path, and the file is in the job's folders, which services do not see.
      if (variable.is_file || variable.key.empty() || variable.key.find('=') != std::string::npos) continue;
      order.environment.push_back(variable.key + "=" +
                                  broker.conceal(variable.is_raw ? variable.value : scope.expand(variable.value)));
    }
    for (auto* words : {&order.image.entrypoint, &order.command})
      for (auto& word : *words)
        word = broker.conceal(word);
    out.push_back(std::move(order));
  }
  return out;
}

Result<JobStep> job_step(const JobResponse& job, const Settings& settings, const JobImages& images, ScriptStep script,
                         GateContext context) {
  JobStep step{
      .image = {}, .services = {}, .gate_names = {}, .script = std::move(script), .context = std::move(context)};
  if (images.image)
    step.image = ContainerImage{.digest = *images.image, .entrypoint = job.image.entrypoint, .user = job.image.user};
  SCANGATE_TRY(step.services, service_orders(job, settings, images, *step.script.broker));
  for (const auto& service : job.services)
    if (matches_image(service.image.name, settings.gate_services))
      for (auto& name : service_names(service.image.name, service.aliases))
        step.gate_names.push_back(std::move(name));
  return step;
}

void add_registry_logins(const JobResponse& job, Logins& logins) {
  for (const auto& credential : job.credentials)
    if (credential.type == "registry")
      logins.add(login_registry(credential.url),
                 {.username = credential.username, .password = credential.password, .identity_token = {}});
}

void add_docker_auth_config(const JobResponse& job, Logins& logins, Progress& progress) {
  const auto text = job.variable("DOCKER_AUTH_CONFIG");
  if (!text || text->empty()) return;
  const auto config = parse_json(*text, "DOCKER_AUTH_CONFIG");
  if (!config || !config->is_object()) {
    progress.line(Level::warning, "DOCKER_AUTH_CONFIG is not used: it is no JSON object");
    return;
  }
  for (const char* unused : {"credHelpers", "credsStore"})
    if (config->contains(unused))
      progress.line(
          Level::warning,
          fmt::format("DOCKER_AUTH_CONFIG: {} is not used for the job's images; give the credentials in 'auths'",
                      unused));
  for (const auto& [key, entry] : json_object(*config, "auths").items()) {
    Credentials credentials{.username = json_string(entry, "username"),
                            .password = json_string(entry, "password"),
                            .identity_token = json_string(entry, "identitytoken")};
    if (const auto auth = base64_decode(json_string(entry, "auth")); auth && credentials.password.empty())
      if (const std::size_t colon = auth->find(':'); colon != std::string::npos) {
        credentials.username = auth->substr(0, colon);
        credentials.password = auth->substr(colon + 1);
      }
    if (!credentials.password.empty() || !credentials.identity_token.empty())
      logins.add(login_registry(key), std::move(credentials));
  }
}

}  // namespace scangate
