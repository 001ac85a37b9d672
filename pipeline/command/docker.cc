#include "pipeline/command/docker.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "pipeline/command/flag_makers.h"
#include "pipeline/command/flags.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;
using Kind = Flag::Kind;
using flag::noted;
using flag::pairs;
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

Flag comma_texts(std::string_view name, std::vector<std::string>& into) {
  return {name, '\0', Kind::value, [&into](const std::string& value) -> Result<void> {
            for (std::string& item : split(value, ','))
              if (!item.empty()) into.push_back(std::move(item));
            return {};
          }};
}

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
    HistoryRequest request;
    bool help = false;
    const std::array<Flag, 5> flags = {toggle("quiet", 'q', request.quiet), toggle("no-trunc", '\0', request.no_trunc),
                                       silent("human", 'H', Kind::toggle), text("format", '\0', request.format),
                                       refused("platform", "not supported yet")};
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.size() != 1) return fail(wrong_count(command, "exactly 1 argument, the image"));
    request.image = rest[0];
    return DockerRequest(std::move(request));
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

  // buildx's --allow: the host's network is what a step has here anyway; more than that no step gets.
  static Flag entitlements() {
    return {"allow", '\0', Kind::value, [](const std::string& value) -> Result<void> {
              for (const std::string& each : split(value, ','))
                if (each != "network.host" && !each.starts_with("fs"))
                  return fail(Fault::user, fmt::format("'{}' is given to no build step here", printable(each)));
              return {};
            }};
  }

  Result<DockerRequest> build(std::string_view command, Args args, bool is_buildx, std::string builder = {}) {
    BuildRequest request;
    request.buildx = is_buildx;
    request.builder = std::move(builder);
    bool help = false;
    const Flag build_arg{"build-arg", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                           const std::size_t at = value.find('=');
                           if (value.empty() || at == 0) return fail(Fault::user, "the name is empty");
                           BuildArg arg{value.substr(0, at), std::nullopt};
                           if (at != std::string::npos) arg.value = value.substr(at + 1);
                           request.build_args.push_back(std::move(arg));
                           return {};
                         }};
    const Flag call{"call", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                      if (value != "build" && value != "check")
                        return fail(Fault::user,
                                    fmt::format("'{}' is not served (build and check are)", printable(value)));
                      request.check = request.check || value == "check";
                      return {};
                    }};
    constexpr std::string_view kNotYet = "not supported yet";
    std::vector<Flag> flags = {
        text("file", 'f', request.dockerfile),
        texts("tag", 't', request.tags),
        text("target", '\0', request.target),
        build_arg,
        pairs("label", '\0', request.labels),
        comma_texts("platform", request.platforms),
        texts("cache-from", '\0', request.cache_from),
        text("network", '\0', request.network),
        text("progress", '\0', request.progress),
        text("iidfile", '\0', request.iidfile),
        texts("output", 'o', request.outputs),
        toggle("no-cache", '\0', request.no_cache),
        toggle("pull", '\0', request.pull),
        toggle("quiet", 'q', request.quiet),
        texts("cache-to", '\0', request.cache_to),
        comma_texts("no-cache-filter", request.no_cache_filter),
        text("metadata-file", '\0', request.metadata_file),
        text("provenance", '\0', request.provenance),
        text("sbom", '\0', request.sbom),
        silent("rm", '\0', Kind::toggle),
        silent("force-rm", '\0', Kind::toggle),
        silent("compress", '\0', Kind::toggle),
        silent("disable-content-trust", '\0', Kind::toggle),
        refused("attest", "use --provenance or --sbom"),
        refused("build-context", kNotYet),
        call,
        toggle("check", '\0', request.check),
        refused("squash", "squashed images are not supported"),
        refused("security-opt", kNotYet),
        refused("isolation", "Windows only"),
    };
    add_step_flags(flags, request.steps, out_.notes);
    flags.push_back(entitlements());
    if (is_buildx) {
      flags.push_back(toggle("push", '\0', request.push));
      flags.push_back(toggle("load", '\0', request.load));
      flags.push_back(text("builder", '\0', request.builder));
    }
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.size() != 1) return fail(wrong_count(command, "exactly 1 argument, the context"));
    if (rest[0].empty())
      return fail(Error(Fault::user, fmt::format("{}: the context is empty", command)).remedy("use '.'"));
    request.context = rest[0];
    if (request.context == "-" && request.dockerfile == "-")
      return fail(Fault::user, fmt::format("{}: context and Dockerfile cannot both come from stdin", command));
    for (const std::string& tag : request.tags)
      if (tag.empty())
        return fail(Error(Fault::user, fmt::format("{}: --tag is empty", command)).remedy("is a variable not set?"));
    if (request.push && request.tags.empty())
      return fail(
          Error(Fault::user, fmt::format("{}: --push without --tag", command)).remedy("name the image with --tag"));
    return DockerRequest(std::move(request));
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
    ImagesRequest request;
    bool help = false;
    const std::array<Flag, 7> flags = {toggle("all", 'a', request.all),
                                       toggle("quiet", 'q', request.quiet),
                                       toggle("no-trunc", '\0', request.no_trunc),
                                       toggle("digests", '\0', request.digests),
                                       text("format", '\0', request.format),
                                       pairs("filter", '\0', request.filters),
                                       refused("tree", "not supported yet")};
    std::vector<Flag> all(flags.begin(), flags.end());
    all[5].letter = 'f';
    SCANGATE_TRY(const auto rest, parse_flags(command, all, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.size() > 1) return fail(wrong_count(command, "at most 1 argument, a repository"));
    if (!rest.empty()) request.repository = rest[0];
    for (const auto& [key, value] : request.filters) {
      if (key == "reference" || key == "dangling") continue;
      return fail(Error(Fault::user, fmt::format("{}: --filter {} is not served by scangate", command, printable(key)))
                      .remedy("reference and dangling are"));
    }
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> inspect(std::string_view command, Args args, const std::string& type) {
    InspectRequest request;
    bool help = false;
    request.type = type;
    std::vector<Flag> flags = {text("format", 'f', request.format)};
    if (type.empty()) flags.push_back(text("type", '\0', request.type));
    if (type != "image") flags.push_back(silent("size", 's', Kind::toggle));
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (!request.type.empty() && request.type != "image" && request.type != "container")
      return fail(
          Error(Fault::user, fmt::format("{}: --type {} is not served by scangate", command, printable(request.type)))
              .remedy("image and container are"));
    if (rest.empty()) return fail(wrong_count(command, "at least 1 argument, an image or a container"));
    request.images = rest;
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> rmi(std::string_view command, Args args) {
    RmiRequest request;
    bool help = false;
    const std::array<Flag, 2> flags = {toggle("force", 'f', request.force), toggle("no-prune", '\0', request.no_prune)};
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.empty()) return fail(wrong_count(command, "at least 1 argument, an image"));
    request.images = rest;
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> save(std::string_view command, Args args) {
    SaveRequest request;
    bool help = false;
    const std::array<Flag, 2> flags = {text("output", 'o', request.output), refused("platform", "not supported yet")};
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.empty()) return fail(wrong_count(command, "at least 1 argument, an image"));
    request.images = rest;
    return DockerRequest(std::move(request));
  }

  Result<DockerRequest> load(std::string_view command, Args args) {
    LoadRequest request;
    bool help = false;
    const std::array<Flag, 3> flags = {text("input", 'i', request.input), toggle("quiet", 'q', request.quiet),
                                       refused("platform", "not supported yet")};
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (!rest.empty()) return fail(wrong_count(command, "no arguments; the file is given with --input"));
    return DockerRequest(std::move(request));
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
