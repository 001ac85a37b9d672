#include "pipeline/command/docker.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "pipeline/command/docker_build.h"
#include "pipeline/command/docker_images.h"
#include "pipeline/command/flag_makers.h"
#include "pipeline/command/flags.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;
using Kind = Flag::Kind;
using flag::noted;
using flag::refused;
using flag::silent;
using flag::text;
using flag::texts;
using flag::toggle;
using flag::wrong_count;

constexpr std::string_view kServed =
    "build, buildx build, push, pull, tag, login, logout, images, inspect, history, manifest, rmi, save, load, run, "
    "create, ps, "
    "logs, exec, stop, kill, rm, wait, port, start, restart, cp, network, volume, version, info and the same under "
    "'docker image' and 'docker container' are";

DockerRequest help_for(std::string_view command) {
  return HelpRequest{
      fmt::format("{}: served by scangate; the flags are those of docker ({} served)\n", command, kServed)};
}

class DockerParser {
 public:
  Result<DockerCommand> run(Args args) {
    if (args.size() > kMaxArguments)
      return fail(Fault::user, fmt::format("docker: more than {} arguments", kMaxArguments));
    bool help = false;
    bool version = false;
    bool ignored = false;
    std::string ignored_text;
    const std::array<Flag, 12> flags = {
        text("config", '\0', out_.config_folder),
        noted("host", 'H', Kind::value, out_.notes, "there is no daemon, the build runs here"),
        noted("context", 'c', Kind::value, out_.notes, "there is no daemon, the build runs here"),
        toggle("debug", 'D', ignored),
        text("log-level", 'l', ignored_text),
        silent("tls", '\0', Kind::toggle),
        silent("tlsverify", '\0', Kind::toggle),
        silent("tlscacert", '\0', Kind::value),
        silent("tlscert", '\0', Kind::value),
        silent("tlskey", '\0', Kind::value),
        toggle("version", 'v', version),
        toggle("help", '\0', help),
    };
    SCANGATE_TRY(const std::vector<std::string> rest,
                 parse_flags("docker", flags, args, Mixing::before_arguments, help));
    if (version) {
      out_.request = VersionRequest{.format = {}, .short_form = true};
      return std::move(out_);
    }
    if (help || rest.empty() || rest[0] == "help") {
      out_.request = help_for("docker");
      return std::move(out_);
    }
    SCANGATE_TRY(out_.request, dispatch(rest));
    return std::move(out_);
  }

 private:
  Result<DockerRequest> dispatch(Args args) {
    const std::string& name = args[0];
    const Args rest = args.subspan(1);
    if (name == "build") return build("docker build", rest, false);
    if (name == "push") return push("docker push", rest);
    if (name == "pull") return pull("docker pull", rest);
    if (name == "tag") return tag("docker tag", rest);
    if (name == "login") return login(rest);
    if (name == "logout") return logout(rest);
    if (name == "images") return images("docker images", rest);
    if (name == "inspect") return inspect("docker inspect", rest, "");
    if (name == "rmi") return rmi("docker rmi", rest);
    if (name == "save") return save("docker save", rest);
    if (name == "load") return load("docker load", rest);
    if (name == "version") return version(rest);
    if (name == "info") return info("docker info", rest);
    if (name == "history") return history("docker history", rest);
    if (name == "run") return run_container("docker run", rest);
    if (name == "create") return run_container("docker create", rest, Start::later);
    if (name == "container") return container(rest);
    if (name == "compose") return DockerRequest(ComposeArguments{{rest.begin(), rest.end()}});
    if (name == "image") return image(rest);
    if (name == "manifest") {
      SCANGATE_TRY(auto parsed, parse_manifest_words("docker manifest", ManifestRequest::Program::docker, rest));
      return taken(std::move(parsed));
    }
    if (name == "builder") return builder_group(rest);
    if (name == "buildx") return buildx(rest);
    if (name == "system" && !rest.empty() && rest[0] == "info") return info("docker system info", rest.subspan(1));
    if (name == "system" && !rest.empty() && rest[0] == "prune")
      return containers("docker system prune", "system prune", rest.subspan(1));
    // `docker ls`, `list`, `remove` and `prune` are none: they are of `docker container`.
    if (name != "ls" && name != "list" && name != "remove" && name != "prune") {
      SCANGATE_TRY(auto request, maybe_containers("docker " + name, name, rest));
      if (request) return std::move(*request);
    }
    return fail(not_served("docker", name));
  }

  template <class Request>
  static Result<DockerRequest> served(std::string_view command, Result<std::optional<Request>> parsed) {
    SCANGATE_TRY(auto request, std::move(parsed));
    if (!request) return help_for(command);
    return DockerRequest(std::move(*request));
  }

  template <class Parsed>
  DockerRequest taken(Parsed parsed) {
    out_.notes.insert(out_.notes.end(), parsed.notes.begin(), parsed.notes.end());
    if (!parsed.help.empty()) return HelpRequest{std::move(parsed.help)};
    return std::move(parsed.request);
  }

  Result<std::optional<DockerRequest>> maybe_containers(const std::string& command, const std::string& verb,
                                                        Args args) {
    bool help = false;
    SCANGATE_TRY(auto request, parse_containers(command, verb, args, out_.notes, help));
    if (help) return std::optional(help_for(command));
    if (!request) return std::optional<DockerRequest>();
    return std::optional<DockerRequest>(std::move(*request));
  }

  Result<DockerRequest> containers(const std::string& command, const std::string& verb, Args args) {
    SCANGATE_TRY(auto request, maybe_containers(command, verb, args));
    if (!request) return fail(not_served(command, verb));
    return std::move(*request);
  }

  static Error not_served(std::string_view group, std::string_view name) {
    static const std::array<std::string, 30> kNames = {
        "build", "buildx", "push",    "pull", "tag",   "login",   "logout", "images",  "inspect", "rmi",
        "save",  "load",   "version", "info", "image", "history", "run",    "create",  "ps",      "logs",
        "exec",  "stop",   "kill",    "rm",   "wait",  "port",    "start",  "restart", "cp",      "rename"};
    Error error(Fault::user, fmt::format("{}: '{}' is not served by scangate", group, printable(name)));
    if (const auto like = nearest(name, kNames))
      return std::move(error).remedy(fmt::format("did you mean '{}'?", *like));
    return std::move(error).remedy(std::string(kServed));
  }

  Result<DockerRequest> image(Args args) {
    if (args.empty() || args[0] == "--help") return help_for("docker image");
    const std::string& name = args[0];
    const Args rest = args.subspan(1);
    if (name == "build") return build("docker image build", rest, false);
    if (name == "push") return push("docker image push", rest);
    if (name == "pull") return pull("docker image pull", rest);
    if (name == "tag") return tag("docker image tag", rest);
    if (name == "ls" || name == "list") return images("docker image ls", rest);
    if (name == "inspect") return inspect("docker image inspect", rest, "image");
    if (name == "rm" || name == "remove") return rmi("docker image rm", rest);
    if (name == "save") return save("docker image save", rest);
    if (name == "load") return load("docker image load", rest);
    if (name == "history") return history("docker image history", rest);
    if (name == "prune") return containers("docker image prune", "image prune", rest);
    return fail(not_served("docker image", name));
  }

  Result<DockerRequest> container(Args args) {
    if (args.empty() || args[0] == "--help") return help_for("docker container");
    if (args[0] == "run") return run_container("docker container run", args.subspan(1));
    if (args[0] == "create") return run_container("docker container create", args.subspan(1), Start::later);
    if (args[0] == "inspect") return inspect("docker container inspect", args.subspan(1), "container");
    if (args[0] == "network" || args[0] == "volume") return fail(not_served("docker container", args[0]));
    SCANGATE_TRY(auto request, maybe_containers("docker container " + args[0], args[0], args.subspan(1)));
    if (request) return std::move(*request);
    return fail(not_served("docker container", args[0]));
  }

  enum class Start : std::uint8_t { now, later };
  Result<DockerRequest> run_container(std::string_view command, Args args, Start start = Start::now) {
    bool help = false;
    SCANGATE_TRY(auto request, parse_run(command, args, help));
    if (help) return help_for(command);
    request.create = start == Start::later;
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> history(std::string_view command, Args args) {
    return served(command, parse_docker_history(command, args));
  }

  Result<DockerRequest> builder_group(Args args) {
    if (args.empty() || args[0] == "--help") return help_for("docker builder");
    if (args[0] == "build") return build("docker builder build", args.subspan(1), false);
    if (args[0] == "prune") return containers("docker builder prune", "builder prune", args.subspan(1));
    return fail(not_served("docker builder", args[0]));
  }

  Result<DockerRequest> buildx(Args args) {
    std::string builder;
    bool help = false;
    const std::array<Flag, 2> flags = {text("builder", '\0', builder), silent("debug", 'D', Kind::toggle)};
    SCANGATE_TRY(const auto rest, parse_flags("docker buildx", flags, args, Mixing::before_arguments, help));
    if (help || rest.empty()) return help_for("docker buildx");
    const std::string& name = rest[0];
    const Args tail = Args(rest).subspan(1);
    if (name == "build" || name == "b") return build("docker buildx build", tail, true, builder);
    if (name == "version") return DockerRequest(VersionRequest{.format = {}, .short_form = false, .buildx = true});
    if (name == "prune") return containers("docker buildx prune", "buildx prune", tail);
    if (name == "imagetools") {
      SCANGATE_TRY(auto parsed, parse_imagetools(tail));
      return taken(std::move(parsed));
    }
    for (const std::string_view verb : {"create", "use", "inspect", "ls", "rm", "stop"})
      if (name == verb) return builder_verb(name, tail);
    return fail(not_served("docker buildx", name));
  }

  Result<DockerRequest> builder_verb(const std::string& verb, Args args) {
    BuilderRequest request;
    request.verb = verb;
    const std::string command = "docker buildx " + verb;
    bool help = false;
    const std::array<Flag, 17> flags = {
        text("name", '\0', request.name),
        text("builder", '\0', request.name),
        silent("use", '\0', Kind::toggle),
        silent("bootstrap", '\0', Kind::toggle),
        silent("default", '\0', Kind::toggle),
        silent("global", '\0', Kind::toggle),
        silent("append", '\0', Kind::toggle),
        silent("leave", '\0', Kind::toggle),
        silent("force", 'f', Kind::toggle),
        silent("all-inactive", '\0', Kind::toggle),
        silent("keep-state", '\0', Kind::toggle),
        silent("node", '\0', Kind::value),
        silent("platform", '\0', Kind::value),
        noted("driver", '\0', Kind::value, out_.notes, "there is one builder, scangate's own"),
        noted("driver-opt", '\0', Kind::value, out_.notes, "there is one builder, scangate's own"),
        noted("buildkitd-flags", '\0', Kind::value, out_.notes, "there is one builder, scangate's own"),
        noted("config", '\0', Kind::value, out_.notes, "there is one builder, scangate's own"),
    };
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (!rest.empty() && request.name.empty()) request.name = rest[0];
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> build(std::string_view command, Args args, bool is_buildx, std::string builder = {}) {
    return served(command, parse_docker_build(command, args, is_buildx, std::move(builder), out_.notes));
  }

  Result<DockerRequest> push(std::string_view command, Args args) {
    PushRequest request;
    bool help = false;
    const std::array<Flag, 4> flags = {toggle("all-tags", 'a', request.all_tags), toggle("quiet", 'q', request.quiet),
                                       silent("disable-content-trust", '\0', Kind::toggle),
                                       refused("platform", "pushing one platform of an index is not supported yet")};
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.size() != 1) return fail(wrong_count(command, "exactly 1 argument, the image"));
    SCANGATE_TRY(request.reference, reference(command, rest[0]));
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> pull(std::string_view command, Args args) {
    PullRequest request;
    bool help = false;
    const std::array<Flag, 4> flags = {toggle("all-tags", 'a', request.all_tags), toggle("quiet", 'q', request.quiet),
                                       text("platform", '\0', request.platform),
                                       silent("disable-content-trust", '\0', Kind::toggle)};
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.size() != 1) return fail(wrong_count(command, "exactly 1 argument, the image"));
    SCANGATE_TRY(request.reference, reference(command, rest[0]));
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> tag(std::string_view command, Args args) {
    TagRequest request;
    bool help = false;
    SCANGATE_TRY(const auto rest, parse_flags(command, {}, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.size() != 2) return fail(wrong_count(command, "exactly 2 arguments, the image and its new name"));
    SCANGATE_TRY(request.source, reference(command, rest[0]));
    SCANGATE_TRY(request.target, reference(command, rest[1]));
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> login(Args args) {
    LoginRequest request;
    bool help = false;
    const Flag password{"password", 'p', Kind::value, [&](const std::string& value) -> Result<void> {
                          request.password = value;
                          return {};
                        }};
    std::string email;
    const std::array<Flag, 4> flags = {text("username", 'u', request.user), password,
                                       toggle("password-stdin", '\0', request.password_stdin),
                                       text("email", 'e', email)};
    SCANGATE_TRY(const auto rest, parse_flags("docker login", flags, args, Mixing::anywhere, help));
    if (help) return help_for("docker login");
    if (rest.size() > 1) return fail(wrong_count("docker login", "at most 1 argument, the server"));
    if (!rest.empty()) request.server = rest[0];
    if (request.password && request.password_stdin)
      return fail(Fault::user, "docker login: --password and --password-stdin are mutually exclusive");
    if (request.password_stdin && request.user.empty())
      return fail(Error(Fault::user, "docker login: --password-stdin needs --username")
                      .remedy("is the variable with the user's name set?"));
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> logout(Args args) {
    LogoutRequest request;
    bool help = false;
    SCANGATE_TRY(const auto rest, parse_flags("docker logout", {}, args, Mixing::anywhere, help));
    if (help) return help_for("docker logout");
    if (rest.size() > 1) return fail(wrong_count("docker logout", "at most 1 argument, the server"));
    if (!rest.empty()) request.server = rest[0];
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> images(std::string_view command, Args args) {
    return served(command, parse_docker_images(command, args));
  }

  Result<DockerRequest> inspect(std::string_view command, Args args, const std::string& type) {
    return served(command, parse_docker_inspect(command, args, type));
  }

  Result<DockerRequest> rmi(std::string_view command, Args args) {
    return served(command, parse_docker_rmi(command, args));
  }

  Result<DockerRequest> save(std::string_view command, Args args) {
    return served(command, parse_docker_save(command, args));
  }

  Result<DockerRequest> load(std::string_view command, Args args) {
    return served(command, parse_docker_load(command, args));
  }

  Result<DockerRequest> version(Args args) {
    VersionRequest request;
    bool help = false;
    const std::array<Flag, 1> flags = {text("format", 'f', request.format)};
    SCANGATE_TRY(const auto rest, parse_flags("docker version", flags, args, Mixing::anywhere, help));
    if (help) return help_for("docker version");
    if (!rest.empty()) return fail(wrong_count("docker version", "no arguments"));
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> info(std::string_view command, Args args) {
    InfoRequest request;
    bool help = false;
    const std::array<Flag, 1> flags = {text("format", 'f', request.format)};
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (!rest.empty()) return fail(wrong_count(command, "no arguments"));
    return DockerRequest(std::move(request));
  }

  static Result<std::string> reference(std::string_view command, const std::string& written) {
    if (written.empty())
      return fail(
          Error(Fault::user, fmt::format("{}: the image's name is empty", command)).remedy("is a variable not set?"));
    return written;
  }

  DockerCommand out_;
};

}  // namespace

Result<DockerCommand> parse_docker(std::span<const std::string> args) {
  return DockerParser().run(args);
}

std::string_view name_of(const DockerRequest& request) {
  static constexpr std::array<std::string_view, std::variant_size_v<DockerRequest>> kNames = {
      "build",   "push",    "pull", "tag",     "login",     "logout",   "images",
      "inspect", "rmi",     "save", "load",    "version",   "info",     "builder",
      "help",    "history", "run",  "compose", "container", "manifest", "imagetools"};
  return kNames[request.index()];
}

}  // namespace scangate::command
