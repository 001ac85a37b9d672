#include "pipeline/command/buildah.h"

#include "base/text.h"
#include "pipeline/command/buildah_build.h"
#include "pipeline/command/buildah_containers.h"
#include "pipeline/command/buildah_flags.h"

namespace scangate::command {
namespace {

using namespace buildah;
using Args = std::span<const std::string>;
using Kind = Flag::Kind;

const std::vector<std::string> kServed = {"add",    "bud",    "build",      "build-using-dockerfile",
                                          "commit", "config", "containers", "copy",
                                          "from",   "images", "info",       "inspect",
                                          "login",  "logout", "manifest",   "pull",
                                          "push",   "rm",     "rmi",        "run",
                                          "tag",    "version"};

BuildahRequest help_for(std::string_view command) {
  return HelpRequest{fmt::format("{}: served by scangate; the flags are those of buildah ({} are served)\n", command,
                                 fmt::join(kServed, ", "))};
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
    if (name == "bud" || name == "build" || name == "build-using-dockerfile")
      return served("buildah " + name, parse_buildah_build("buildah " + name, args, out_.notes));
    if (name == "push") return push(args);
    if (name == "pull") return pull(args);
    if (name == "from") return served("buildah from", parse_buildah_from(args, out_.notes));
    if (name == "copy") return served("buildah copy", parse_buildah_copy(args, false));
    if (name == "add") return served("buildah add", parse_buildah_copy(args, true));
    if (name == "run") return served("buildah run", parse_buildah_run(args, out_.notes));
    if (name == "config") return served("buildah config", parse_buildah_config(args, out_.notes));
    if (name == "commit") return served("buildah commit", parse_buildah_commit(args, out_.notes));
    if (name == "rm" || name == "delete") return served("buildah rm", parse_buildah_remove(args));
    if (name == "containers" || name == "ls" || name == "list" || name == "ps")
      return served("buildah containers", parse_buildah_containers(args));
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

  template <class Request>
  static Result<BuildahRequest> served(std::string_view command, Result<std::optional<Request>> parsed) {
    SCANGATE_TRY(auto request, std::move(parsed));
    if (!request) return help_for(command);
    return BuildahRequest(std::move(*request));
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
    add_registry(flags, request.login, out_.notes);
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
    add_registry(flags, request.login, out_.notes);
    add_platform(flags, platform);
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.size() != 1) return fail(flag::wrong_count(kCommand, "exactly 1 argument, the image"));
    SCANGATE_TRY(request.pull.reference, image_name(kCommand, rest[0]));
    request.pull.platform = platform.text();
    return BuildahRequest(std::move(request));
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

  BuildahCommand out_;
};

}  // namespace

Result<BuildahCommand> parse_buildah(std::span<const std::string> args) {
  return BuildahParser().run(args);
}

}  // namespace scangate::command
