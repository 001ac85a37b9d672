#include "pipeline/command/crane.h"

#include "pipeline/command/flag_makers.h"
#include "pipeline/command/registry_login.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;
using Kind = Flag::Kind;

const std::vector<std::string> kServed = {"auth login", "auth logout", "config", "copy", "cp",  "digest",
                                          "ls",         "manifest",    "pull",   "push", "tag", "version"};

CraneRequest help_for(std::string_view command) {
  return HelpRequest{fmt::format("{}: served by scangate; the flags are those of crane ({} are served)\n", command,
                                 fmt::join(kServed, ", "))};
}

class CraneParser {
 public:
  Result<CraneCommand> run(Args args) {
    if (args.size() > kMaxArguments)
      return fail(Fault::user, fmt::format("crane: more than {} arguments", kMaxArguments));
    bool help = false;
    const auto flags = with_common({});
    SCANGATE_TRY(const auto rest, parse_flags("crane", flags, args, Mixing::before_arguments, help));
    if (help || rest.empty() || rest[0] == "help") {
      out_.request = help_for("crane");
      return std::move(out_);
    }
    SCANGATE_TRY(out_.request, dispatch(rest[0], Args(rest).subspan(1)));
    // "all" is crane's own default.
    if (out_.platform == "all") out_.platform.clear();
    return std::move(out_);
  }

 private:
  // crane's global flags may stand behind the command as well.
  std::vector<Flag> with_common(std::vector<Flag> flags) {
    flags.push_back(flag::text("platform", '\0', out_.platform));
    flags.push_back(flag::silent("verbose", 'v', Kind::toggle));
    flags.push_back(flag::noted("insecure", '\0', Kind::toggle, out_.notes, kHostDecides));
    flags.push_back(flag::refused("allow-nondistributable-artifacts", "foreign layers are not pushed"));
    return flags;
  }

  Result<std::vector<std::string>> arguments(std::string_view command, Args args, std::vector<Flag> flags, bool& help) {
    return parse_flags(command, with_common(std::move(flags)), args, Mixing::anywhere, help);
  }

  Result<CraneRequest> dispatch(const std::string& name, Args args) {
    if (name == "copy" || name == "cp") return copy("crane " + name, args);
    if (name == "tag") return tag(args);
    if (name == "push") return push(args);
    if (name == "pull") return pull(args);
    if (name == "digest") return show("crane digest", args, CraneShow::What::digest);
    if (name == "manifest") return show("crane manifest", args, CraneShow::What::manifest);
    if (name == "config") return show("crane config", args, CraneShow::What::config);
    if (name == "ls") return show("crane ls", args, CraneShow::What::tags);
    if (name == "auth") return auth(args);
    if (name == "version") return CraneRequest(HelpRequest{"crane commands served by scangate\n"});
    if (name == "delete")
      return fail(Error(Fault::user, "crane delete: is not served by scangate")
                      .remedy("images are deleted in the registry's own interface"));
    return fail(flag::not_served("crane", name, kServed));
  }

  Result<CraneRequest> copy(const std::string& command, Args args) {
    CraneCopy request;
    bool help = false;
    SCANGATE_TRY(const auto rest,
                 arguments(command, args,
                           {flag::silent("jobs", 'j', Kind::value), flag::refused("all-tags", "not supported yet", 'a'),
                            flag::refused("no-clobber", "not supported yet", 'n')},
                           help));
    if (help) return help_for(command);
    if (rest.size() != 2) return fail(flag::wrong_count(command, "exactly 2 arguments, source and destination"));
    request.source = rest[0];
    request.target = rest[1];
    return CraneRequest(std::move(request));
  }

  Result<CraneRequest> tag(Args args) {
    CraneCopy request{.source = {}, .target = {}, .is_tag = true};
    bool help = false;
    SCANGATE_TRY(const auto rest, arguments("crane tag", args, {}, help));
    if (help) return help_for("crane tag");
    if (rest.size() != 2) return fail(flag::wrong_count("crane tag", "exactly 2 arguments, the image and the new tag"));
    request.source = rest[0];
    request.target = rest[1];
    return CraneRequest(std::move(request));
  }

  Result<CraneRequest> push(Args args) {
    CranePush request;
    bool help = false;
    SCANGATE_TRY(const auto rest, arguments("crane push", args,
                                            {flag::text("image-refs", '\0', request.image_refs),
                                             // A layout of several images is pushed as an index, asked for or not.
                                             flag::silent("index", '\0', Kind::toggle)},
                                            help));
    if (help) return help_for("crane push");
    if (rest.size() != 2) return fail(flag::wrong_count("crane push", "exactly 2 arguments, the path and the image"));
    request.path = rest[0];
    request.target = rest[1];
    return CraneRequest(std::move(request));
  }

  Result<CraneRequest> pull(Args args) {
    CranePull request{.images = {}, .path = {}, .format = "tarball"};
    bool help = false;
    SCANGATE_TRY(auto rest,
                 arguments("crane pull", args,
                           {flag::text("format", '\0', request.format), flag::silent("cache_path", 'c', Kind::value),
                            flag::refused("annotate-ref", "not supported yet")},
                           help));
    if (help) return help_for("crane pull");
    if (rest.size() < 2) return fail(flag::wrong_count("crane pull", "at least 2 arguments, images and the path"));
    if (request.format != "tarball" && request.format != "oci")
      return fail(Error(Fault::user, "crane pull: of --format, only tarball and oci are served by scangate"));
    request.path = std::move(rest.back());
    rest.pop_back();
    request.images = std::move(rest);
    return CraneRequest(std::move(request));
  }

  Result<CraneRequest> show(std::string_view command, Args args, CraneShow::What what) {
    CraneShow request{.what = what, .image = {}};
    bool help = false;
    std::vector<Flag> flags;
    if (what == CraneShow::What::digest || what == CraneShow::What::tags)
      flags.push_back(flag::toggle("full-ref", '\0', request.full_name));
    if (what == CraneShow::What::digest) flags.push_back(flag::refused("tarball", "not supported yet"));
    if (what == CraneShow::What::tags) flags.push_back(flag::silent("omit-digest-tags", 'O', Kind::toggle));
    SCANGATE_TRY(const auto rest, arguments(command, args, std::move(flags), help));
    if (help) return help_for(command);
    if (rest.size() != 1) return fail(flag::wrong_count(command, "exactly 1 argument, the image"));
    request.image = rest[0];
    return CraneRequest(std::move(request));
  }

  Result<CraneRequest> auth(Args args) {
    if (args.empty() || args[0] == "--help") return help_for("crane auth");
    bool help = false;
    if (args[0] == "login") {
      LoginRequest request;
      const Flag password{"password", 'p', Kind::value, [&](const std::string& value) -> Result<void> {
                            request.password = value;
                            return {};
                          }};
      SCANGATE_TRY(const auto rest, arguments("crane auth login", args.subspan(1),
                                              {flag::text("username", 'u', request.user), password,
                                               flag::toggle("password-stdin", '\0', request.password_stdin)},
                                              help));
      if (help) return help_for("crane auth login");
      if (rest.size() != 1) return fail(flag::wrong_count("crane auth login", "exactly 1 argument, the registry"));
      if (request.password && request.password_stdin)
        return fail(Fault::user, "crane auth login: --password and --password-stdin are mutually exclusive");
      request.server = rest[0];
      return CraneRequest(std::move(request));
    }
    if (args[0] == "logout") {
      SCANGATE_TRY(const auto rest, arguments("crane auth logout", args.subspan(1), {}, help));
      if (help) return help_for("crane auth logout");
      if (rest.size() != 1) return fail(flag::wrong_count("crane auth logout", "exactly 1 argument, the registry"));
      return CraneRequest(LogoutRequest{rest[0]});
    }
    return fail(flag::not_served("crane auth", args[0], {"login", "logout"}));
  }

  CraneCommand out_;
};

}  // namespace

Result<CraneCommand> parse_crane(std::span<const std::string> args) {
  return CraneParser().run(args);
}

}  // namespace scangate::command
