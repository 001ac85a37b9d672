#include "pipeline/command/buildah.h"

#include <algorithm>
#include <array>

#include "base/json/json.h"
#include "base/text.h"
#include "executor/gate/docker_front.h"
#include "executor/gate/image_copy.h"
#include "executor/gate/job_login.h"
#include "executor/gate/manifest_front.h"
#include "executor/gate/tool_fronts.h"
#include "executor/gate/working_containers.h"
#include "pipeline/command/shell_words.h"

namespace scangate {
namespace {

using command::ImageLocation;
using Kind = ImageLocation::Kind;

// Output of the container's program as the command's own; the builder's lines about it are left out.
class ProgramOutput final : public Progress {
 public:
  explicit ProgramOutput(GateCall& call) : call_(call) {}
  void line(Level level, std::string_view text) override {
    if (level == Level::warning) call_.console.line(level, text);
  }
  void bytes(std::string_view, std::uint64_t, std::uint64_t) override {}
  void output(std::string_view, std::string_view text) override { call_.print(text); }

 private:
  GateCall& call_;
};

// `text` as a Dockerfile word that means exactly this: no variable is expanded in it.
std::string literal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '$' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '$' || c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string json_list(const std::vector<std::string>& words) {
  return dump_json(nlohmann::json(words));
}

Result<void> one_line(std::string_view flag, std::string_view value) {
  if (value.find_first_of("\r\n") == std::string_view::npos) return {};
  return fail(Fault::user, fmt::format("buildah config: the value of {} has several lines", flag));
}

// "a b 'c d'" as the words a shell makes of it; a JSON list as it is.
Result<std::string> words_as_json(const std::string& instruction, const std::string& value) {
  if (value.starts_with("[")) {
    SCANGATE_TRY(const auto json, parse_json(value, instruction));
    if (!json.is_array()) return fail(Fault::user, fmt::format("buildah config: '{}' is no list", printable(value)));
    return dump_json(json);
  }
  const auto refused = [&] {
    return fail(Error(Fault::user, fmt::format("buildah config: '{}' cannot be read as words", printable(value)))
                    .remedy("write a JSON list: [\"program\", \"argument\"]"));
  };
  const auto script = command::parse_shell(value);
  if (!script || script->commands.size() > 1) return refused();
  std::vector<std::string> words;
  if (!script->commands.empty())
    for (const auto& word : script->commands.front().words) {
      const auto text = word.literal();
      if (!text) return refused();
      words.push_back(*text);
    }
  return json_list(words);
}

// What stands in a Dockerfile for one flag of `buildah config`.
Result<std::string> instruction_line(const command::BuildahConfig::Setting& setting) {
  const auto& [instruction, value] = setting;
  SCANGATE_CHECK(one_line(instruction, value));
  if (instruction == "ENV" || instruction == "LABEL") {
    const std::size_t equals = value.find('=');
    const std::string text = equals == std::string::npos ? "" : value.substr(equals + 1);
    return fmt::format("{} {}={}\n", instruction, value.substr(0, equals), in_quotes(text));
  }
  if (instruction == "CMD" || instruction == "SHELL") {
    SCANGATE_TRY(const std::string list, words_as_json(instruction, value));
    return fmt::format("{} {}\n", instruction, list);
  }
  if (instruction == "VOLUME") return fmt::format("VOLUME {}\n", json_list({literal(value)}));
  if (instruction == "EXPOSE") {
    std::string out;
    for (const auto& port : split(value, ','))
      if (!port.empty()) out += fmt::format("EXPOSE {}\n", literal(port));
    return out;
  }
  // ENTRYPOINT without a list runs in a shell, as buildah has it too; ONBUILD's text is for a later build.
  if (instruction == "ENTRYPOINT" || instruction == "ONBUILD") return fmt::format("{} {}\n", instruction, value);
  return fmt::format("{} {}\n", instruction, literal(value));
}

// Serves one parsed command; an operator for each kind of request.
class BuildahFront {
 public:
  BuildahFront(ImageCommands& images, GateCall& call) : images_(images), call_(call), containers_(images) {}

  int operator()(const command::BuildahBuild& asked) {
    command::BuildRequest build = asked.build;
    use(asked.login, build.tags.empty() ? "" : build.tags.front());
    // Containerfile before Dockerfile; a file that is named may lie in the caller's folder or in the context.
    const std::string context = build.context + "/";
    if (build.dockerfile.empty() && call_.files.exists(context + "Containerfile"))
      build.dockerfile = context + "Containerfile";
    else if (!build.dockerfile.empty() && build.dockerfile != "-" && !call_.files.exists(build.dockerfile) &&
             call_.files.exists(context + build.dockerfile))
      build.dockerfile = context + build.dockerfile;
    return serve_docker_request(images_, call_, std::move(build));
  }

  int operator()(const command::BuildahPush& asked) {
    ImageLocation target = asked.target.value_or(ImageLocation{Kind::registry, asked.image, {}, asked.image});
    return push(asked.image, std::move(target), asked.login, asked.digestfile, asked.quiet);
  }

  int operator()(const command::BuildahPull& asked) {
    use(asked.login, asked.pull.reference);
    return serve_docker_request(images_, call_, asked.pull);
  }

  int operator()(const command::BuildahFrom& asked) {
    use(asked.login, asked.image);
    std::optional<Digest> digest;
    if (asked.image != "scratch") {
      auto found = base_image(asked);
      if (!found) return call_.fail_with(found.error());
      digest = *found;
    }
    const auto name = containers_.begin(asked.name, asked.image == "scratch" ? "" : asked.image, digest);
    if (!name) return call_.fail_with(name.error());
    call_.print(*name + "\n");
    return 0;
  }

  int operator()(const command::BuildahCopy& asked) {
    WorkingContainers::Step step;
    step.title = asked.add ? "buildah add" : "buildah copy";
    std::vector<std::string> words;
    for (const auto& source : asked.sources)
      words.push_back(literal(source_path(asked, source)));
    std::string target = asked.target.empty() ? "." : asked.target;
    if (words.size() > 1 && !target.ends_with('/')) target += '/';
    words.push_back(literal(target));
    step.instructions = asked.add ? "ADD" : "COPY";
    for (const auto& [name, value] : {std::pair{"chown", asked.chown}, {"chmod", asked.chmod}, {"from", asked.from}})
      if (!value.empty()) {
        if (value.find_first_of(" \t\r\n") != std::string::npos)
          return call_.fail_with(Error(Fault::user, fmt::format("{}: --{} holds a blank", step.title, name)));
        step.instructions += fmt::format(" --{}={}", name, literal(value));
      }
    step.instructions += " " + json_list(words) + "\n";
    step.build.context = "/";
    return apply(asked.container, std::move(step), call_.console);
  }

  int operator()(const command::BuildahRun& asked) {
    const auto config = containers_.config(asked.container);
    if (!config) return call_.fail_with(config.error());
    WorkingContainers::Step step;
    step.title = "buildah run";
    step.build.context = "/";
    step.build.network = asked.network;
    // buildah runs every command anew.
    step.build.no_cache = true;
    for (const auto& variable : asked.environment) {
      const std::size_t equals = variable.find('=');
      const std::string name = variable.substr(0, equals);
      if (name.empty() || name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
                              std::string::npos)
        return call_.fail_with(
            Error(Fault::user, fmt::format("buildah run: '{}' is no name of a variable", printable(name))));
      // An argument is set for this step alone; ENV would stay in the image.
      step.instructions += fmt::format("ARG {}\n", name);
      command::BuildArg arg{name, std::nullopt};
      if (equals != std::string::npos) arg.value = variable.substr(equals + 1);
      step.build.build_args.push_back(std::move(arg));
    }
    for (const std::string* value : {&asked.user, &asked.directory})
      if (value->find_first_of("\r\n") != std::string::npos)
        return call_.fail_with(Error(Fault::user, "buildah run: the user or folder has several lines"));
    if (!asked.user.empty()) step.instructions += fmt::format("USER {}\n", literal(asked.user));
    if (!asked.directory.empty()) step.instructions += fmt::format("WORKDIR {}\n", literal(asked.directory));
    step.instructions += fmt::format("RUN {}\n", json_list(asked.argv));
    // Both were for this command only.
    if (!asked.user.empty())
      step.instructions += fmt::format("USER {}\n", literal(config->user.empty() ? "root" : config->user));
    if (!asked.directory.empty())
      step.instructions +=
          fmt::format("WORKDIR {}\n", literal(config->working_directory.empty() ? "/" : config->working_directory));
    ProgramOutput output(call_);
    return apply(asked.container, std::move(step), output);
  }

  int operator()(const command::BuildahConfig& asked) {
    const auto config = containers_.config(asked.container);
    if (!config) return call_.fail_with(config.error());
    if (asked.settings.empty()) return 0;
    WorkingContainers::Step step;
    step.title = "buildah config";
    step.build.context = "/";
    bool has_entrypoint = false;
    bool has_command = false;
    std::string command_line;
    for (const auto& setting : asked.settings) {
      const auto line = instruction_line(setting);
      if (!line) return call_.fail_with(line.error());
      has_entrypoint = has_entrypoint || setting.instruction == "ENTRYPOINT";
      if (setting.instruction == "CMD") {
        has_command = true;
        command_line = *line;
      } else {
        step.instructions += *line;
      }
    }
    // ENTRYPOINT takes an inherited CMD away, which buildah leaves alone.
    if (has_entrypoint && !has_command && config->command)
      command_line = fmt::format("CMD {}\n", json_list(*config->command));
    step.instructions += command_line;
    NoProgress silent;
    return apply(asked.container, std::move(step), silent);
  }

  int operator()(const command::BuildahCommit& asked) {
    const auto digest = containers_.image(asked.container);
    if (!digest) return call_.fail_with(digest.error());
    if (!*digest)
      return call_.fail_with(Error(Fault::user, fmt::format("the container '{}' is empty", asked.container)));
    if (auto done = commit(asked, **digest); !done) return call_.fail_with(done.error());
    if (asked.target) {
      ImageCopy copy{.source = {}, .targets = {{*asked.target, asked.login}}};
      const auto put = copy_stored(images_, call_, copy, **digest, call_.console);
      if (!put) return call_.fail_with(put.error());
      if (*put != 0) return *put;
    }
    if (asked.remove)
      if (auto removed = containers_.remove(asked.container); !removed) return call_.fail_with(removed.error());
    return 0;
  }

  int operator()(const command::BuildahRemove& asked) {
    for (const auto& name : asked.all ? containers_.names() : asked.containers) {
      if (auto removed = containers_.remove(name); !removed) return call_.fail_with(removed.error());
      call_.print(name + "\n");
    }
    return 0;
  }

  int operator()(const command::BuildahContainers& asked) {
    if (!asked.quiet) call_.print(fmt::format("{:<40} {}\n", "CONTAINER NAME", "IMAGE"));
    for (const auto& name : containers_.names()) {
      const auto digest = containers_.image(name);
      call_.print(asked.quiet ? name + "\n"
                              : fmt::format("{:<40} {}\n", name, digest && *digest ? (*digest)->brief() : "scratch"));
    }
    return 0;
  }

  int operator()(const command::BuildahTag& asked) {
    for (const auto& target : asked.targets)
      if (const int code = serve_docker_request(images_, call_, command::TagRequest{asked.source, target}); code != 0)
        return code;
    return 0;
  }

  int operator()(const command::ImagesRequest& asked) { return serve_docker_request(images_, call_, asked); }
  int operator()(const command::InspectRequest& asked) { return serve_docker_request(images_, call_, asked); }
  int operator()(const command::RmiRequest& asked) { return serve_docker_request(images_, call_, asked); }
  int operator()(const command::LoginRequest& asked) { return serve_login(images_, call_, "buildah login", asked); }
  int operator()(const command::LogoutRequest& asked) { return serve_logout(images_, call_, asked); }
  int operator()(const command::ManifestRequest& asked) { return serve_manifest(images_, call_, asked); }
  int operator()(const command::HelpRequest& asked) {
    call_.print(asked.text);
    return 0;
  }

 private:
  // `name` says which registry --creds are for.
  void use(const command::RegistryLogin& login, const std::string& name) {
    const auto reference = Reference::parse(name);
    use_login(images_, call_, login, reference ? reference->registry : "docker.io", AuthFiles::containers);
  }

  int push(const std::string& image, ImageLocation target, const command::RegistryLogin& login,
           const std::string& digestfile, bool quiet) {
    ImageCopy copy{.source = {{Kind::store, image, {}, image}, {}}, .targets = {{std::move(target), login}}};
    NoProgress silent;
    const auto copied = copy_image(images_, call_, copy, quiet ? static_cast<Progress&>(silent) : call_.console);
    if (!copied) return call_.fail_with(copied.error());
    if (copied->code != 0) return copied->code;
    if (!digestfile.empty())
      if (auto written = call_.files.write(digestfile, copied->manifest_digest.str()); !written)
        return call_.fail_with(written.error());
    return 0;
  }

  Result<Digest> base_image(const command::BuildahFrom& asked) {
    if (!asked.pull_always && asked.platform.empty()) return images_.resolve_or_pull(call_, asked.image);
    SCANGATE_TRY(const Reference name, Reference::parse(asked.image));
    SCANGATE_TRY(const Platform platform,
                 asked.platform.empty() ? Result<Platform>(Platform::host()) : Platform::parse(asked.platform));
    SCANGATE_TRY(const auto pulled, images_.pull(call_, name, platform, PullPolicy::always, call_.console));
    return pulled.manifest_digest;
  }

  std::string source_path(const command::BuildahCopy& asked, const std::string& source) const {
    if (!asked.from.empty() || source.find("://") != std::string::npos) return source;
    if (asked.context_folder.empty()) return call_.files.absolute(source);
    return call_.files.absolute(asked.context_folder + "/" + source);
  }

  Result<void> commit(const command::BuildahCommit& asked, const Digest& digest) {
    SCANGATE_TRY(const auto manifest, images_.store().manifest(digest));
    if (!asked.image.empty()) {
      SCANGATE_TRY(const Reference name, Reference::parse(asked.image));
      SCANGATE_CHECK(images_.store().tag(name, digest));
    }
    if (!asked.iidfile.empty()) SCANGATE_CHECK(call_.files.write(asked.iidfile, manifest.config.digest.str()));
    call_.print(manifest.config.digest.hex() + "\n");
    return {};
  }

  int apply(const std::string& container, WorkingContainers::Step step, Progress& progress) {
    const auto code = containers_.apply(call_, container, std::move(step), progress);
    return code ? *code : call_.fail_with(code.error());
  }

  ImageCommands& images_;
  GateCall& call_;
  WorkingContainers containers_;
};

}  // namespace

namespace {

int serve_words(ImageCommands& images, GateCall& call, std::span<const std::string> words) {
  auto parsed = command::parse_buildah(words);
  if (!parsed) return call.fail_with(parsed.error());
  for (const auto& note : parsed->notes)
    call.say("note: " + note + "\n");
  return std::visit(BuildahFront(images, call), parsed->request);
}

}  // namespace

int serve_buildah(ImageCommands& images, GateCall& call) {
  return serve_words(images, call, call.arguments());
}

int serve_podman(ImageCommands& images, GateCall& call) {
  // podman and buildah share these commands' code and flags (--format, --layers, --tls-verify, --creds); podman(1).
  static constexpr std::array<std::string_view, 6> kShared = {"build", "push", "pull", "login", "logout", "manifest"};
  const std::span<const std::string> words = call.arguments();
  const std::size_t first = !words.empty() && words[0] == "image" ? 1 : 0;
  if (words.size() > first && std::find(kShared.begin(), kShared.end(), words[first]) != kShared.end())
    return serve_words(images, call, words.subspan(first));
  return serve_docker(images, call);
}

}  // namespace scangate
