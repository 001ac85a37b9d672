#include "pipeline/command/buildah.h"

#include "base/text.h"
#include "pipeline/command/flag_makers.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;
using Kind = Flag::Kind;
using Setting = BuildahConfig::Setting;

const std::vector<std::string> kServed = {"add",    "bud",    "build",      "build-using-dockerfile",
                                          "commit", "config", "containers", "copy",
                                          "from",   "images", "info",       "inspect",
                                          "login",  "logout", "manifest",   "pull",
                                          "push",   "rm",     "rmi",        "run",
                                          "tag",    "version"};
constexpr std::string_view kNotYet = "not supported yet";
constexpr std::string_view kUnchanged = "images leave as they were scanned, byte for byte";
constexpr std::string_view kOwnSandbox = "steps run in the runner host's own sandbox";
constexpr std::string_view kOwnStore = "images are kept in the runner host's own store";

BuildahRequest help_for(std::string_view command) {
  return HelpRequest{fmt::format("{}: served by scangate; the flags are those of buildah ({} are served)\n", command,
                                 fmt::join(kServed, ", "))};
}

Flag setting(std::string_view name, char letter, std::string instruction, std::vector<Setting>& into) {
  return {name, letter, Kind::value,
          [&into, instruction = std::move(instruction)](const std::string& value) -> Result<void> {
            into.push_back({instruction, value});
            return {};
          }};
}

class BuildahParser {
 public:
  Result<BuildahCommand> run(Args args) {
    if (args.size() > kMaxArguments)
      return fail(Fault::user, fmt::format("buildah: more than {} arguments", kMaxArguments));
    bool help = false;
    bool version = false;
    const std::vector<Flag> flags = {
        flag::toggle("version", 'v', version),
        flag::silent("debug", '\0', Kind::toggle),
        flag::silent("log-level", '\0', Kind::value),
        flag::silent("cgroup-manager", '\0', Kind::value),
        flag::silent("userns-uid-map", '\0', Kind::value),
        flag::silent("userns-gid-map", '\0', Kind::value),
        flag::silent("storage-driver", '\0', Kind::value),
        flag::silent("storage-opt", '\0', Kind::value),
        flag::noted("root", '\0', Kind::value, out_.notes, kOwnStore),
        flag::noted("runroot", '\0', Kind::value, out_.notes, kOwnStore),
        flag::noted("registries-conf", '\0', Kind::value, out_.notes, "the host's configuration decides"),
        flag::noted("registries-conf-dir", '\0', Kind::value, out_.notes, "the host's configuration decides"),
        flag::noted("short-name-alias-conf", '\0', Kind::value, out_.notes, "the host's configuration decides"),
    };
    SCANGATE_TRY(const auto rest, parse_flags("buildah", flags, args, Mixing::before_arguments, help));
    if (version || (!rest.empty() && rest[0] == "version")) {
      out_.request = HelpRequest{"buildah commands served by scangate\n"};
      return std::move(out_);
    }
    if (help || rest.empty() || rest[0] == "help") {
      out_.request = help_for("buildah");
      return std::move(out_);
    }
    SCANGATE_TRY(out_.request, dispatch(rest[0], Args(rest).subspan(1)));
    return std::move(out_);
  }

 private:
  Result<BuildahRequest> dispatch(const std::string& name, Args args) {
    if (name == "bud" || name == "build" || name == "build-using-dockerfile") return build("buildah " + name, args);
    if (name == "push") return push(args);
    if (name == "pull") return pull(args);
    if (name == "from") return from(args);
    if (name == "copy") return copy(args, false);
    if (name == "add") return copy(args, true);
    if (name == "run") return run_command(args);
    if (name == "config") return config(args);
    if (name == "commit") return commit(args);
    if (name == "rm" || name == "delete") return remove(args);
    if (name == "containers" || name == "ls" || name == "list" || name == "ps") return containers(args);
    if (name == "tag") return tag(args);
    if (name == "images") return images(args);
    if (name == "inspect") return inspect(args);
    if (name == "rmi") return rmi(args);
    if (name == "login") {
      SCANGATE_TRY(auto parsed, parse_containers_login("buildah", args));
      return taken(std::move(parsed), "buildah login");
    }
    if (name == "logout") {
      SCANGATE_TRY(auto parsed, parse_containers_logout("buildah", args));
      return taken(std::move(parsed), "buildah logout");
    }
    if (name == "info")
      return BuildahRequest(HelpRequest{"{\"host\": \"scangate image gate (no containers storage)\"}\n"});
    if (name == "mount" || name == "umount" || name == "unmount" || name == "unshare")
      return fail(Error(Fault::user, fmt::format("buildah {}: is not served by scangate", name))
                      .remedy("a container's files stay outside of the job; use buildah copy and buildah run"));
    if (name == "manifest") return manifest(args);
    return fail(flag::not_served("buildah", name, kServed));
  }

  Result<BuildahRequest> manifest(Args args) {
    SCANGATE_TRY(auto parsed, parse_manifest_words("buildah manifest", ManifestRequest::Program::buildah, args));
    out_.notes.insert(out_.notes.end(), parsed.notes.begin(), parsed.notes.end());
    if (!parsed.help.empty()) return BuildahRequest(HelpRequest{std::move(parsed.help)});
    return BuildahRequest(std::move(parsed.request));
  }

  template <class Parsed>
  Result<BuildahRequest> taken(Parsed parsed, std::string_view command) {
    out_.notes.insert(out_.notes.end(), parsed.notes.begin(), parsed.notes.end());
    if (parsed.help) return help_for(command);
    out_.authfile = std::move(parsed.authfile);
    return BuildahRequest(std::move(parsed.request));
  }

  // What every command that speaks with a registry takes.
  void add_registry(std::vector<Flag>& flags, RegistryLogin& login) {
    flags.push_back(flag::credentials("creds", login.user, login.password));
    flags.push_back(flag::text("authfile", '\0', login.authfile));
    flags.push_back(flag::noted("tls-verify", '\0', Kind::toggle, out_.notes, kHostDecides));
    flags.push_back(flag::noted("cert-dir", '\0', Kind::value, out_.notes, kHostDecides));
    flags.push_back(flag::silent("signature-policy", '\0', Kind::value));
    flags.push_back(flag::silent("retry", '\0', Kind::value));
    flags.push_back(flag::silent("retry-delay", '\0', Kind::value));
  }

  struct PlatformFlags {
    std::string platform, os, architecture, variant;
    std::string text() const {
      if (!platform.empty()) return platform;
      if (architecture.empty()) return {};
      return (os.empty() ? "linux" : os) + "/" + architecture + (variant.empty() ? "" : "/" + variant);
    }
  };
  static void add_platform(std::vector<Flag>& flags, PlatformFlags& platform) {
    flags.push_back(flag::text("platform", '\0', platform.platform));
    flags.push_back(flag::text("os", '\0', platform.os));
    flags.push_back(flag::text("arch", '\0', platform.architecture));
    flags.push_back(flag::text("variant", '\0', platform.variant));
  }

  Result<BuildahRequest> build(std::string_view command, Args args) {
    BuildahBuild request;
    BuildRequest& build = request.build;
    bool help = false;
    bool pull_always = false;
    std::string pull;
    PlatformFlags platform;
    std::vector<std::string> files;
    std::vector<Flag> flags = {
        flag::texts("file", 'f', files),
        flag::texts("tag", 't', build.tags),
        flag::text("target", '\0', build.target),
        flag::build_arg("build-arg", build.build_args),
        flag::pairs("label", '\0', build.labels),
        flag::text("iidfile", '\0', build.iidfile),
        flag::text("network", '\0', build.network),
        flag::text("net", '\0', build.network),
        flag::toggle("no-cache", '\0', build.no_cache),
        flag::toggle("quiet", 'q', build.quiet),
        flag::toggle("pull-always", '\0', pull_always),
        // `--pull` alone, and `--pull=always|missing|never|true|false`: no value behind a blank.
        Flag{"pull", '\0', Kind::optional_value,
             [&pull](const std::string& value) -> Result<void> {
               pull = value;
               return {};
             }},
        flag::silent("pull-never", '\0', Kind::toggle),
        flag::silent("layers", '\0', Kind::toggle),
        flag::silent("rm", '\0', Kind::toggle),
        flag::silent("force-rm", '\0', Kind::toggle),
        flag::silent("compress", '\0', Kind::toggle),
        flag::silent("disable-compression", 'D', Kind::toggle),
        flag::silent("jobs", '\0', Kind::value),
        flag::silent("stdin", '\0', Kind::toggle),
        flag::silent("omit-history", '\0', Kind::toggle),
        flag::silent("log-rusage", '\0', Kind::toggle),
        flag::silent("cache-ttl", '\0', Kind::value),
        flag::noted("format", '\0', Kind::value, out_.notes, "images are built in the docker format"),
        flag::noted("isolation", '\0', Kind::value, out_.notes, kOwnSandbox),
        flag::noted("runtime", '\0', Kind::value, out_.notes, kOwnSandbox),
        flag::noted("runtime-flag", '\0', Kind::value, out_.notes, kOwnSandbox),
        flag::noted("userns", '\0', Kind::value, out_.notes, kOwnSandbox),
        flag::noted("cache-from", '\0', Kind::value, out_.notes, "the build cache is the runner host's own"),
        flag::noted("cache-to", '\0', Kind::value, out_.notes, "the build cache is the runner host's own"),
        flag::refused("squash", "each step keeps its layer, so that findings name it"),
        flag::refused("squash-all", "each step keeps its layer, so that findings name it"),
        flag::refused("annotation", kNotYet),
        flag::refused("manifest", kNotYet),
        flag::refused("volume", kNotYet, 'v'),
        flag::refused("device", kNotYet),
        flag::refused("build-context", kNotYet),
        flag::refused("cap-add", kNotYet),
        flag::refused("cap-drop", kNotYet),
        flag::refused("security-opt", kNotYet),
        flag::refused("timestamp", "set SOURCE_DATE_EPOCH as a build argument"),
        flag::refused("logfile", "the build's log goes to the job's log"),
        flag::refused("ignorefile", kNotYet),
        flag::refused("env", kNotYet),
        flag::refused("unsetenv", kNotYet),
        flag::refused("output", kNotYet, 'o'),
        flag::refused("from", kNotYet),
        flag::refused("dns", kNotYet),
        flag::refused("http-proxy", kNotYet),
        flag::refused("sign-by", kNotYet),
    };
    add_registry(flags, request.login);
    add_platform(flags, platform);
    add_step_flags(flags, build.steps, out_.notes);
    SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.size() > 1) return fail(flag::wrong_count(command, "at most 1 argument, the context"));
    build.context = rest.empty() ? "." : rest[0];
    if (build.context.empty())
      return fail(Error(Fault::user, fmt::format("{}: the context is empty", command)).remedy("use '.'"));
    if (files.size() > 1)
      return fail(Error(Fault::user, fmt::format("{}: several --file are not served by scangate", command)));
    if (!files.empty()) build.dockerfile = files[0];
    for (const std::string& tag : build.tags)
      if (tag.empty())
        return fail(Error(Fault::user, fmt::format("{}: --tag is empty", command)).remedy("is a variable not set?"));
    build.pull = pull_always || pull == "always" || pull == "true" || pull == "newer" || pull == "ifnewer";
    if (const std::string text = platform.text(); !text.empty()) build.platforms = split(text, ',');
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> push(Args args) {
    constexpr std::string_view kCommand = "buildah push";
    BuildahPush request;
    bool help = false;
    std::vector<Flag> flags = {
        flag::toggle("quiet", 'q', request.quiet),
        flag::text("digestfile", '\0', request.digestfile),
        flag::silent("all", '\0', Kind::toggle),
        flag::silent("rm", '\0', Kind::toggle),
        flag::silent("remove-signatures", '\0', Kind::toggle),
        flag::noted("format", 'f', Kind::value, out_.notes, kUnchanged),
        flag::noted("compression-format", '\0', Kind::value, out_.notes, kUnchanged),
        flag::noted("compression-level", '\0', Kind::value, out_.notes, kUnchanged),
        flag::noted("force-compression", '\0', Kind::toggle, out_.notes, kUnchanged),
        flag::noted("disable-compression", 'D', Kind::toggle, out_.notes, kUnchanged),
        flag::refused("sign-by", "signing is not supported yet"),
        flag::refused("encryption-key", "encrypted images cannot be scanned"),
        flag::refused("encrypt-layer", "encrypted images cannot be scanned"),
    };
    add_registry(flags, request.login);
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.empty() || rest.size() > 2)
      return fail(flag::wrong_count(kCommand, "1 or 2 arguments, the image and where it goes"));
    SCANGATE_TRY(request.image, image_name(kCommand, rest[0]));
    if (rest.size() == 2) {
      SCANGATE_TRY(request.target, destination(kCommand, rest[1]));
    }
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> pull(Args args) {
    constexpr std::string_view kCommand = "buildah pull";
    BuildahPull request;
    bool help = false;
    PlatformFlags platform;
    std::vector<Flag> flags = {
        flag::toggle("quiet", 'q', request.pull.quiet), flag::silent("policy", '\0', Kind::value),
        flag::silent("remove-signatures", '\0', Kind::toggle), flag::refused("all-tags", kNotYet, 'a'),
        flag::refused("decryption-key", "encrypted images cannot be scanned")};
    add_registry(flags, request.login);
    add_platform(flags, platform);
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.size() != 1) return fail(flag::wrong_count(kCommand, "exactly 1 argument, the image"));
    SCANGATE_TRY(request.pull.reference, image_name(kCommand, rest[0]));
    request.pull.platform = platform.text();
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> from(Args args) {
    constexpr std::string_view kCommand = "buildah from";
    BuildahFrom request;
    bool help = false;
    PlatformFlags platform;
    std::string pull;
    std::vector<Flag> flags = {
        flag::text("name", '\0', request.name),
        flag::toggle("quiet", 'q', request.quiet),
        flag::toggle("pull-always", '\0', request.pull_always),
        Flag{"pull", '\0', Kind::optional_value,
             [&pull](const std::string& value) -> Result<void> {
               pull = value;
               return {};
             }},
        flag::silent("pull-never", '\0', Kind::toggle),
        flag::noted("format", '\0', Kind::value, out_.notes, "images are built in the docker format"),
        flag::noted("isolation", '\0', Kind::value, out_.notes, kOwnSandbox),
        flag::noted("userns", '\0', Kind::value, out_.notes, kOwnSandbox),
        flag::refused("volume", kNotYet, 'v'),
        flag::refused("cap-add", kNotYet),
        flag::refused("device", kNotYet),
        flag::refused("add-host", kNotYet),
        flag::refused("cidfile", kNotYet),
    };
    add_registry(flags, request.login);
    add_platform(flags, platform);
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.size() != 1) return fail(flag::wrong_count(kCommand, "exactly 1 argument, the image"));
    SCANGATE_TRY(request.image, image_name(kCommand, rest[0]));
    request.platform = platform.text();
    if (pull == "always" || pull == "newer" || pull == "ifnewer") request.pull_always = true;
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> copy(Args args, bool add) {
    const std::string_view command = add ? "buildah add" : "buildah copy";
    BuildahCopy request;
    request.add = add;
    bool help = false;
    const std::vector<Flag> flags = {flag::text("chown", '\0', request.chown),
                                     flag::text("chmod", '\0', request.chmod),
                                     flag::text("contextdir", '\0', request.context_folder),
                                     flag::text("from", '\0', request.from),
                                     flag::toggle("quiet", 'q', request.quiet),
                                     flag::silent("add-history", '\0', Kind::toggle),
                                     flag::refused("ignorefile", kNotYet),
                                     flag::refused("checksum", kNotYet)};
    SCANGATE_TRY(auto rest, parse_flags(command, flags, args, Mixing::anywhere, help));
    if (help) return help_for(command);
    if (rest.size() < 2)
      return fail(flag::wrong_count(command, "at least 2 arguments, the container and what goes into it"));
    request.container = rest[0];
    if (rest.size() > 2) {
      request.target = rest.back();
      rest.pop_back();
    }
    request.sources.assign(rest.begin() + 1, rest.end());
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> run_command(Args args) {
    constexpr std::string_view kCommand = "buildah run";
    BuildahRun request;
    bool help = false;
    const std::vector<Flag> flags = {
        flag::text("user", 'u', request.user),
        flag::text("workingdir", '\0', request.directory),
        flag::texts("env", 'e', request.environment),
        flag::text("network", '\0', request.network),
        flag::text("net", '\0', request.network),
        flag::silent("terminal", 't', Kind::toggle),
        flag::silent("tty", '\0', Kind::toggle),
        flag::silent("add-history", '\0', Kind::toggle),
        flag::silent("hostname", '\0', Kind::value),
        flag::noted("isolation", '\0', Kind::value, out_.notes, kOwnSandbox),
        flag::noted("runtime", '\0', Kind::value, out_.notes, kOwnSandbox),
        flag::refused("volume", kNotYet, 'v'),
        flag::refused("mount", kNotYet),
        flag::refused("cap-add", kNotYet),
        flag::refused("cap-drop", kNotYet),
        flag::refused("device", kNotYet),
    };
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::before_arguments, help));
    if (help) return help_for(kCommand);
    if (rest.empty()) return fail(flag::wrong_count(kCommand, "the container and a command"));
    request.container = rest[0];
    const std::size_t first = rest.size() > 1 && rest[1] == "--" ? 2 : 1;
    if (rest.size() <= first) return fail(flag::wrong_count(kCommand, "the container and a command"));
    request.argv.assign(rest.begin() + static_cast<std::ptrdiff_t>(first), rest.end());
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> config(Args args) {
    constexpr std::string_view kCommand = "buildah config";
    BuildahConfig request;
    auto& into = request.settings;
    bool help = false;
    constexpr std::string_view kOciOnly = "the docker format has no place for it";
    const std::vector<Flag> flags = {
        setting("env", 'e', "ENV", into),
        setting("label", 'l', "LABEL", into),
        setting("entrypoint", '\0', "ENTRYPOINT", into),
        setting("cmd", '\0', "CMD", into),
        setting("port", 'p', "EXPOSE", into),
        setting("user", 'u', "USER", into),
        setting("workingdir", '\0', "WORKDIR", into),
        setting("volume", 'v', "VOLUME", into),
        setting("shell", '\0', "SHELL", into),
        setting("stop-signal", '\0', "STOPSIGNAL", into),
        setting("onbuild", '\0', "ONBUILD", into),
        setting("author", 'a', "MAINTAINER", into),
        flag::silent("add-history", '\0', Kind::toggle),
        flag::noted("annotation", '\0', Kind::value, out_.notes, kOciOnly),
        flag::noted("created-by", '\0', Kind::value, out_.notes, "the history names the command that made a layer"),
        flag::noted("comment", '\0', Kind::value, out_.notes, "the history names the command that made a layer"),
        flag::noted("history-comment", '\0', Kind::value, out_.notes,
                    "the history names the command that made a layer"),
        flag::noted("hostname", '\0', Kind::value, out_.notes, kOciOnly),
        flag::noted("domainname", '\0', Kind::value, out_.notes, kOciOnly),
        flag::refused("healthcheck", kNotYet),
        flag::refused("arch", kNotYet),
        flag::refused("os", kNotYet),
        flag::refused("unsetlabel", kNotYet),
        flag::refused("unsetannotation", kNotYet),
    };
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.size() != 1) return fail(flag::wrong_count(kCommand, "exactly 1 argument, the container"));
    for (const auto& one : into)
      if (one.instruction == "ENV" && one.value.find('=') == std::string::npos)
        return fail(Error(Fault::user, "buildah config: --env without '=' is not served by scangate")
                        .remedy("variables are set with NAME=VALUE; taking one away is not supported yet"));
    request.container = rest[0];
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> commit(Args args) {
    constexpr std::string_view kCommand = "buildah commit";
    BuildahCommit request;
    bool help = false;
    std::vector<Flag> flags = {
        flag::toggle("rm", '\0', request.remove),
        flag::toggle("quiet", 'q', request.quiet),
        flag::text("iidfile", '\0', request.iidfile),
        flag::silent("disable-compression", 'D', Kind::toggle),
        flag::silent("omit-history", '\0', Kind::toggle),
        flag::noted("format", 'f', Kind::value, out_.notes, "images are built in the docker format"),
        flag::noted("squash", '\0', Kind::toggle, out_.notes, "each step keeps its layer, so that findings name it"),
        flag::refused("manifest", kNotYet),
        flag::refused("timestamp", kNotYet),
        flag::refused("reference-time", kNotYet),
        flag::refused("sign-by", "signing is not supported yet"),
        flag::refused("encryption-key", "encrypted images cannot be scanned"),
    };
    add_registry(flags, request.login);
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.empty() || rest.size() > 2)
      return fail(flag::wrong_count(kCommand, "1 or 2 arguments, the container and the image"));
    request.container = rest[0];
    if (rest.size() == 2) {
      if (has_transport(rest[1]) && !rest[1].starts_with("containers-storage:")) {
        SCANGATE_TRY(request.target, parse_location(kCommand, rest[1]));
      } else {
        SCANGATE_TRY(request.image, image_name(kCommand, rest[1]));
      }
    }
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> remove(Args args) {
    BuildahRemove request;
    bool help = false;
    const std::vector<Flag> flags = {flag::toggle("all", 'a', request.all)};
    SCANGATE_TRY(request.containers, parse_flags("buildah rm", flags, args, Mixing::anywhere, help));
    if (help) return help_for("buildah rm");
    if (request.containers.empty() && !request.all)
      return fail(flag::wrong_count("buildah rm", "at least 1 argument, a container"));
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> containers(Args args) {
    BuildahContainers request;
    bool help = false;
    const std::vector<Flag> flags = {
        flag::toggle("quiet", 'q', request.quiet),    flag::silent("all", 'a', Kind::toggle),
        flag::silent("noheading", 'n', Kind::toggle), flag::refused("json", kNotYet),
        flag::refused("filter", kNotYet, 'f'),        flag::refused("format", kNotYet)};
    SCANGATE_TRY(const auto rest, parse_flags("buildah containers", flags, args, Mixing::anywhere, help));
    if (help) return help_for("buildah containers");
    if (!rest.empty()) return fail(flag::wrong_count("buildah containers", "no arguments"));
    return BuildahRequest(request);
  }

  Result<BuildahRequest> tag(Args args) {
    BuildahTag request;
    bool help = false;
    SCANGATE_TRY(auto rest, parse_flags("buildah tag", {}, args, Mixing::anywhere, help));
    if (help) return help_for("buildah tag");
    if (rest.size() < 2)
      return fail(flag::wrong_count("buildah tag", "at least 2 arguments, the image and its new names"));
    for (const auto& name : rest)
      SCANGATE_CHECK(image_name("buildah tag", name).map([](const auto&) {}));
    request.source = rest[0];
    request.targets.assign(rest.begin() + 1, rest.end());
    return BuildahRequest(std::move(request));
  }

  // These three are docker's own, with fewer flags.
  Result<BuildahRequest> images(Args args) {
    ImagesRequest request;
    bool help = false;
    const std::vector<Flag> flags = {flag::toggle("all", 'a', request.all),
                                     flag::toggle("quiet", 'q', request.quiet),
                                     flag::toggle("no-trunc", '\0', request.no_trunc),
                                     flag::toggle("digests", '\0', request.digests),
                                     flag::text("format", '\0', request.format),
                                     flag::pairs("filter", 'f', request.filters),
                                     flag::refused("json", kNotYet),
                                     flag::silent("noheading", 'n', Kind::toggle)};
    SCANGATE_TRY(const auto rest, parse_flags("buildah images", flags, args, Mixing::anywhere, help));
    if (help) return help_for("buildah images");
    if (rest.size() > 1) return fail(flag::wrong_count("buildah images", "at most 1 argument, a repository"));
    if (!rest.empty()) request.repository = rest[0];
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> inspect(Args args) {
    InspectRequest request;
    bool help = false;
    std::string type;
    const std::vector<Flag> flags = {flag::text("format", 'f', request.format), flag::text("type", 't', type)};
    SCANGATE_TRY(request.images, parse_flags("buildah inspect", flags, args, Mixing::anywhere, help));
    if (help) return help_for("buildah inspect");
    if (type == "manifest")
      return fail(Error(Fault::user, "buildah inspect: --type manifest is not served by scangate")
                      .remedy("image and container are"));
    if (request.images.size() != 1) return fail(flag::wrong_count("buildah inspect", "exactly 1 argument"));
    return BuildahRequest(std::move(request));
  }

  Result<BuildahRequest> rmi(Args args) {
    RmiRequest request;
    bool help = false;
    const std::vector<Flag> flags = {
        flag::toggle("force", 'f', request.force), flag::refused("all", "name the images", 'a'),
        flag::refused("prune", "the runner host's store is pruned by its own command", 'p')};
    SCANGATE_TRY(request.images, parse_flags("buildah rmi", flags, args, Mixing::anywhere, help));
    if (help) return help_for("buildah rmi");
    if (request.images.empty()) return fail(flag::wrong_count("buildah rmi", "at least 1 argument, an image"));
    return BuildahRequest(std::move(request));
  }

  // A plain name, or one with docker://, containers-storage: or docker-daemon: in front.
  static Result<std::string> image_name(std::string_view command, const std::string& written) {
    if (written.empty())
      return fail(
          Error(Fault::user, fmt::format("{}: the image's name is empty", command)).remedy("is a variable not set?"));
    if (!has_transport(written)) return written;
    SCANGATE_TRY(auto location, parse_location(command, written));
    if (location.kind != ImageLocation::Kind::registry && location.kind != ImageLocation::Kind::store)
      return fail(Error(Fault::user, fmt::format("{}: '{}' is no name of an image", command, printable(written)))
                      .remedy("files are brought in with skopeo copy"));
    return std::move(location.name);
  }

  // Where a push goes: without a transport it is a registry's name.
  static Result<std::optional<ImageLocation>> destination(std::string_view command, const std::string& written) {
    SCANGATE_TRY(auto location, parse_location(command, has_transport(written) ? written : "docker://" + written));
    return std::optional(std::move(location));
  }

  BuildahCommand out_;
};

}  // namespace

Result<BuildahCommand> parse_buildah(std::span<const std::string> args) {
  return BuildahParser().run(args);
}

}  // namespace scangate::command
