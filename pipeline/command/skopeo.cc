#include "pipeline/command/skopeo.h"

#include "pipeline/command/flag_makers.h"

namespace scangate::command {
namespace {

using Args = std::span<const std::string>;
using Kind = Flag::Kind;

const std::vector<std::string> kServed = {"copy", "inspect", "list-tags", "login", "logout"};
constexpr std::string_view kNoDelete = "images are deleted in the registry's own interface";

SkopeoRequest help_for(std::string_view command) {
  return HelpRequest{fmt::format("{}: served by scangate; the flags are those of skopeo ({} are served)\n", command,
                                 fmt::join(kServed, ", "))};
}

class SkopeoParser {
 public:
  Result<SkopeoCommand> run(Args args) {
    if (args.size() > kMaxArguments)
      return fail(Fault::user, fmt::format("skopeo: more than {} arguments", kMaxArguments));
    bool help = false;
    bool version = false;
    std::string os;
    std::string architecture;
    std::string variant;
    const std::vector<Flag> flags = {
        flag::silent("debug", '\0', Kind::toggle),
        flag::silent("insecure-policy", '\0', Kind::toggle),
        flag::silent("command-timeout", '\0', Kind::value),
        flag::silent("tmpdir", '\0', Kind::value),
        flag::noted("policy", '\0', Kind::value, out_.notes, "the host's policy decides"),
        flag::noted("registries.d", '\0', Kind::value, out_.notes, "the host's configuration decides"),
        flag::noted("registries-conf", '\0', Kind::value, out_.notes, "the host's configuration decides"),
        flag::text("override-os", '\0', os),
        flag::text("override-arch", '\0', architecture),
        flag::text("override-variant", '\0', variant),
        flag::toggle("version", 'v', version),
    };
    SCANGATE_TRY(const auto rest, parse_flags("skopeo", flags, args, Mixing::before_arguments, help));
    if (!architecture.empty() || !os.empty()) {
      if (architecture.empty())
        return fail(Error(Fault::user, "skopeo: --override-os without --override-arch").remedy("give both"));
      out_.platform = (os.empty() ? "linux" : os) + "/" + architecture + (variant.empty() ? "" : "/" + variant);
    }
    if (version) {
      out_.request = HelpRequest{"skopeo commands served by scangate\n"};
      return std::move(out_);
    }
    if (help || rest.empty() || rest[0] == "help") {
      out_.request = help_for("skopeo");
      return std::move(out_);
    }
    SCANGATE_TRY(out_.request, dispatch(rest[0], Args(rest).subspan(1)));
    return std::move(out_);
  }

 private:
  Result<SkopeoRequest> dispatch(const std::string& name, Args args) {
    if (name == "copy") return copy(args);
    if (name == "inspect") return inspect(args);
    if (name == "list-tags") return list_tags(args);
    if (name == "login") return login(args);
    if (name == "logout") return logout(args);
    if (name == "delete")
      return fail(Error(Fault::user, "skopeo delete: is not served by scangate").remedy(std::string(kNoDelete)));
    return fail(flag::not_served("skopeo", name, kServed));
  }

  // Flags of one end: "" for both, "src-" and "dest-" for one; the names must outlive the parse.
  struct EndNames {
    std::string_view creds, username, password, token, no_creds, tls, cert, daemon;
  };
  void add_end(std::vector<Flag>& flags, const EndNames& names, RegistryLogin& login) {
    flags.push_back(flag::credentials(names.creds, login.user, login.password));
    flags.push_back(flag::text(names.username, '\0', login.user));
    flags.push_back(flag::text(names.password, '\0', login.password));
    flags.push_back(flag::refused(names.token, "bearer tokens are not taken; use the credentials they come from"));
    flags.push_back(flag::silent(names.no_creds, '\0', Kind::toggle));
    flags.push_back(flag::noted(names.tls, '\0', Kind::toggle, out_.notes, kHostDecides));
    flags.push_back(flag::noted(names.cert, '\0', Kind::value, out_.notes, kHostDecides));
    flags.push_back(flag::noted(names.daemon, '\0', Kind::value, out_.notes, "there is no daemon"));
  }
  static constexpr EndNames kBoth = {"creds",    "username",   "password", "registry-token",
                                     "no-creds", "tls-verify", "cert-dir", "daemon-host"};
  static constexpr EndNames kSource = {"src-creds",    "src-username",   "src-password", "src-registry-token",
                                       "src-no-creds", "src-tls-verify", "src-cert-dir", "src-daemon-host"};
  static constexpr EndNames kTarget = {"dest-creds",    "dest-username",   "dest-password", "dest-registry-token",
                                       "dest-no-creds", "dest-tls-verify", "dest-cert-dir", "dest-daemon-host"};

  Result<SkopeoRequest> copy(Args args) {
    constexpr std::string_view kCommand = "skopeo copy";
    SkopeoCopy request;
    bool help = false;
    std::string authfile;
    std::string multi_arch;
    constexpr std::string_view kUnchanged = "images leave as they were scanned, byte for byte";
    std::vector<Flag> flags = {
        flag::toggle("all", 'a', request.all),
        flag::toggle("quiet", 'q', request.quiet),
        flag::texts("additional-tag", '\0', request.additional_tags),
        flag::text("digestfile", '\0', request.digestfile),
        flag::text("authfile", '\0', authfile),
        flag::text("src-authfile", '\0', request.source_login.authfile),
        flag::text("dest-authfile", '\0', request.target_login.authfile),
        flag::text("multi-arch", '\0', multi_arch),
        flag::silent("preserve-digests", '\0', Kind::toggle),
        flag::silent("remove-signatures", '\0', Kind::toggle),
        flag::silent("retry-times", '\0', Kind::value),
        flag::silent("retry-delay", '\0', Kind::value),
        flag::silent("image-parallel-copies", '\0', Kind::value),
        flag::silent("src-shared-blob-dir", '\0', Kind::value),
        flag::noted("format", 'f', Kind::value, out_.notes, kUnchanged),
        flag::noted("dest-compress", '\0', Kind::toggle, out_.notes, kUnchanged),
        flag::noted("dest-decompress", '\0', Kind::toggle, out_.notes, kUnchanged),
        flag::noted("dest-compress-format", '\0', Kind::value, out_.notes, kUnchanged),
        flag::noted("dest-compress-level", '\0', Kind::value, out_.notes, kUnchanged),
        flag::noted("dest-precompute-digests", '\0', Kind::toggle, out_.notes, "digests are always known before"),
        flag::refused("sign-by", "signing is not supported yet"),
        flag::refused("sign-by-sigstore", "signing is not supported yet"),
        flag::refused("sign-by-sigstore-private-key", "signing is not supported yet"),
        flag::refused("encryption-key", "encrypted images cannot be scanned"),
        flag::refused("encrypt-layer", "encrypted images cannot be scanned"),
        flag::refused("decryption-key", "encrypted images cannot be scanned"),
        flag::refused("dest-shared-blob-dir", "not supported yet"),
    };
    add_end(flags, kSource, request.source_login);
    add_end(flags, kTarget, request.target_login);
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.size() != 2) return fail(flag::wrong_count(kCommand, "exactly 2 arguments, source and destination"));
    if (multi_arch == "all")
      request.all = true;
    else if (!multi_arch.empty() && multi_arch != "system")
      return fail(Error(Fault::user, "skopeo copy: of --multi-arch, only system and all are served by scangate"));
    for (RegistryLogin* login : {&request.source_login, &request.target_login})
      if (login->authfile.empty()) login->authfile = authfile;
    SCANGATE_TRY(request.source, parse_location(kCommand, rest[0]));
    SCANGATE_TRY(request.target, parse_location(kCommand, rest[1]));
    return SkopeoRequest(std::move(request));
  }

  Result<SkopeoRequest> inspect(Args args) {
    constexpr std::string_view kCommand = "skopeo inspect";
    SkopeoInspect request;
    bool help = false;
    std::vector<Flag> flags = {flag::text("format", 'f', request.format),
                               flag::toggle("raw", '\0', request.raw),
                               flag::toggle("config", '\0', request.config),
                               flag::toggle("no-tags", 'n', request.no_tags),
                               flag::text("authfile", '\0', request.login.authfile),
                               flag::silent("retry-times", '\0', Kind::value),
                               flag::silent("retry-delay", '\0', Kind::value)};
    add_end(flags, kBoth, request.login);
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.size() != 1) return fail(flag::wrong_count(kCommand, "exactly 1 argument, the image"));
    SCANGATE_TRY(request.image, parse_location(kCommand, rest[0]));
    return SkopeoRequest(std::move(request));
  }

  Result<SkopeoRequest> list_tags(Args args) {
    constexpr std::string_view kCommand = "skopeo list-tags";
    SkopeoListTags request;
    bool help = false;
    std::vector<Flag> flags = {flag::text("authfile", '\0', request.login.authfile),
                               flag::silent("retry-times", '\0', Kind::value)};
    add_end(flags, kBoth, request.login);
    SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
    if (help) return help_for(kCommand);
    if (rest.size() != 1) return fail(flag::wrong_count(kCommand, "exactly 1 argument, the repository"));
    SCANGATE_TRY(request.repository, parse_location(kCommand, rest[0]));
    if (request.repository.kind != ImageLocation::Kind::registry)
      return fail(Error(Fault::user, "skopeo list-tags: only docker:// is served by scangate"));
    return SkopeoRequest(std::move(request));
  }

  Result<SkopeoRequest> login(Args args) {
    SCANGATE_TRY(auto parsed, parse_containers_login("skopeo", args));
    out_.notes.insert(out_.notes.end(), parsed.notes.begin(), parsed.notes.end());
    if (parsed.help) return help_for("skopeo login");
    out_.authfile = std::move(parsed.authfile);
    return SkopeoRequest(std::move(parsed.request));
  }

  Result<SkopeoRequest> logout(Args args) {
    SCANGATE_TRY(auto parsed, parse_containers_logout("skopeo", args));
    out_.notes.insert(out_.notes.end(), parsed.notes.begin(), parsed.notes.end());
    if (parsed.help) return help_for("skopeo logout");
    out_.authfile = std::move(parsed.authfile);
    return SkopeoRequest(std::move(parsed.request));
  }

  SkopeoCommand out_;
};

}  // namespace

Result<SkopeoCommand> parse_skopeo(std::span<const std::string> args) {
  return SkopeoParser().run(args);
}

}  // namespace scangate::command
