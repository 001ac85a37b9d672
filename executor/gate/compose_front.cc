#include "executor/gate/compose_front.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "executor/gate/compose_file.h"
#include "executor/gate/docker_front.h"
#include "executor/gate/job_credentials.h"
#include "base/yaml/yaml.h"
#include "pipeline/command/compose.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxEnvFileBytes = 1U << 20U;
// docker compose looks upwards; a job's folder is not that deep.
constexpr int kMaxParents = 40;

// Compose's rule for names of projects made from folders.
std::string project_name(std::string_view text) {
  std::string out;
  for (const char c : to_lower(text))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || ((c == '_' || c == '-') && !out.empty())) out += c;
  return out;
}

class Compose {
 public:
  Compose(ImageCommands& images, GateCall& call, const command::ComposeRequest& asked)
      : images_(images), call_(call), asked_(asked) {}

  int run() {
    if (auto read = load(); !read) return call_.fail_with(read.error());
    if (asked_.verb == "config") return config();
    const auto chosen = choose();
    if (!chosen) return call_.fail_with(chosen.error());
    return asked_.verb == "build" ? build(*chosen) : push(*chosen);
  }

 private:
  Result<std::vector<std::string>> find_files() const {
    if (!asked_.files.empty()) return asked_.files;
    if (const auto named = call_.variable("COMPOSE_FILE"); named && !named->empty()) return split(*named, ':');
    fs::path folder = call_.files.absolute(asked_.project_folder.empty() ? "." : asked_.project_folder);
    for (int i = 0; i < kMaxParents; ++i, folder = folder.parent_path()) {
      for (const char* name : {"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}) {
        if (!call_.files.exists((folder / name).string())) continue;
        std::vector<std::string> out = {(folder / name).string()};
        const std::string over = fs::path(name).stem().string() + ".override" + fs::path(name).extension().string();
        if (call_.files.exists((folder / over).string())) out.push_back((folder / over).string());
        return out;
      }
      if (folder == folder.parent_path()) break;
    }
    return fail(Error(Fault::user, "docker compose: no configuration file is found").remedy("name it with --file"));
  }

  Result<void> load() {
    SCANGATE_TRY(const auto names, find_files());
    folder_ = call_.files.absolute(asked_.project_folder.empty() ? fs::path(names.front()).parent_path().string()
                                                                 : asked_.project_folder);
    if (folder_.size() > 1 && folder_.ends_with('/')) folder_.pop_back();
    std::vector<std::string> env_files = asked_.environment_files;
    if (env_files.empty() && call_.files.exists(folder_ + "/.env")) env_files.push_back(folder_ + "/.env");
    std::map<std::string, std::string> from_files;
    for (const auto& file : env_files) {
      SCANGATE_TRY(const std::string text, call_.files.read(file, kMaxEnvFileBytes));
      for (auto& [name, value] : read_env_file(text))
        from_files[name] = value;
    }
    std::vector<std::pair<std::string, std::string>> files;
    for (const auto& name : names) {
      SCANGATE_TRY(std::string text, name == "-" ? call_.read_input(yaml::kMaxBytes, "the compose file")
                                                 : call_.files.read(name, yaml::kMaxBytes));
      files.emplace_back(name, std::move(text));
    }
    const ComposeVariables variables = [&](std::string_view name) -> std::optional<std::string> {
      if (auto value = call_.variable(name)) return value;
      const auto found = from_files.find(std::string(name));
      return found == from_files.end() ? std::nullopt : std::optional(found->second);
    };
    SCANGATE_TRY(project_, read_compose(files, variables));
    std::string name = asked_.project_name;
    if (name.empty()) name = variables("COMPOSE_PROJECT_NAME").value_or("");
    if (name.empty()) name = project_.name;
    if (name.empty()) name = fs::path(folder_).filename().string();
    name_ = project_name(name);
    return {};
  }

  bool is_active(const ComposeService& service) const {
    if (service.profiles.empty()) return true;
    auto active = asked_.profiles;
    if (const auto named = call_.variable("COMPOSE_PROFILES"))
      for (auto& one : split(*named, ','))
        active.push_back(std::move(one));
    return std::any_of(service.profiles.begin(), service.profiles.end(), [&](const std::string& profile) {
      return std::find(active.begin(), active.end(), profile) != active.end() ||
             std::find(active.begin(), active.end(), "*") != active.end();
    });
  }

  Result<std::vector<const ComposeService*>> choose() const {
    std::vector<const ComposeService*> out;
    for (const auto& wanted : asked_.services) {
      const auto found = std::find_if(project_.services.begin(), project_.services.end(),
                                      [&](const ComposeService& service) { return service.name == wanted; });
      if (found == project_.services.end())
        return fail(Fault::user, fmt::format("docker compose: no such service: {}", printable(wanted)));
      out.push_back(&*found);
    }
    if (asked_.services.empty())
      for (const auto& service : project_.services)
        if (is_active(service)) out.push_back(&service);
    return out;
  }

  std::string image_of(const ComposeService& service) const {
    return service.image.empty() ? name_ + "-" + service.name : service.image;
  }

  int config() {
    if (asked_.quiet) return 0;
    if (!asked_.list_services && !asked_.list_images) {
      call_.print(asked_.json ? project_.json : project_.yaml);
      return 0;
    }
    for (const auto& service : project_.services)
      if (is_active(service)) call_.print((asked_.list_services ? service.name : image_of(service)) + "\n");
    return 0;
  }

  int build(const std::vector<const ComposeService*>& services) {
    for (const ComposeService* service : services) {
      if (!service->build) continue;
      command::BuildRequest request = *service->build;
      if (request.context.find("://") == std::string::npos)
        request.context = (fs::path(folder_) / request.context).lexically_normal().string();
      if (!request.dockerfile.empty())
        request.dockerfile = (fs::path(request.context) / request.dockerfile).lexically_normal().string();
      request.build_args.insert(request.build_args.end(), asked_.build_args.begin(), asked_.build_args.end());
      request.no_cache = request.no_cache || asked_.no_cache;
      request.pull = request.pull || asked_.pull;
      request.push = asked_.push;
      request.quiet = asked_.quiet;
      request.tags.insert(request.tags.begin(), image_of(*service));
      call_.console.line(Level::info, fmt::format("service {}", printable(service->name)));
      if (const int code = serve_docker_request(images_, call_, request); code != 0) return code;
    }
    return 0;
  }

  int push(const std::vector<const ComposeService*>& services) {
    int worst = 0;
    for (const ComposeService* service : services) {
      if (!service->build) continue;  // as docker compose: what is not built here is not pushed
      if (service->image.empty()) {
        call_.say(fmt::format("note: service {} has no 'image' and is not pushed\n", printable(service->name)));
        continue;
      }
      const int code = serve_docker_request(images_, call_,
                                            command::PushRequest{.reference = service->image, .quiet = asked_.quiet});
      // What the gate keeps back is no failure of the network that --ignore-push-failures is for.
      if (code == kCommandFailed && asked_.ignore_failures) continue;
      if (code != 0 && !asked_.ignore_failures) return code;
      worst = std::max(worst, code);
    }
    return worst;
  }

  ImageCommands& images_;
  GateCall& call_;
  const command::ComposeRequest& asked_;
  ComposeProject project_;
  std::string folder_;
  std::string name_;
};

}  // namespace

int serve_compose_arguments(ImageCommands& images, GateCall& call, std::span<const std::string> arguments) {
  std::vector<std::string> notes;
  bool help = false;
  const auto asked = command::parse_compose(arguments, notes, help);
  if (!asked) return call.fail_with(asked.error());
  if (help) {
    call.print("docker compose: build, push and config are served by scangate\n");
    return 0;
  }
  if (asked->verb == "version") {
    call.print("Docker Compose version v2.0.0-scangate\n");
    return 0;
  }
  if (!call.file_credentials) call.file_credentials = job_credentials(call, images, AuthFiles::docker, "", notes);
  for (const auto& note : notes)
    call.say("note: " + note + "\n");
  return Compose(images, call, *asked).run();
}

int serve_compose(ImageCommands& images, GateCall& call) {
  return serve_compose_arguments(images, call, call.arguments());
}

}  // namespace scangate
