#include "pipeline/command/buildah_containers.h"

#include "base/text.h"
#include "pipeline/command/buildah_flags.h"

namespace scangate::command {

using Kind = Flag::Kind;
using Setting = BuildahConfig::Setting;
using namespace buildah;

namespace {

Flag setting(std::string_view name, char letter, std::string instruction, std::vector<Setting>& into) {
  return {name, letter, Kind::value,
          [&into, instruction = std::move(instruction)](const std::string& value) -> Result<void> {
            into.push_back({instruction, value});
            return {};
          }};
}

}  // namespace

Result<std::optional<BuildahFrom>> parse_buildah_from(std::span<const std::string> args,
                                                      std::vector<std::string>& notes) {
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
      flag::noted("format", '\0', Kind::value, notes, "images are built in the docker format"),
      flag::noted("isolation", '\0', Kind::value, notes, kOwnSandbox),
      flag::noted("userns", '\0', Kind::value, notes, kOwnSandbox),
      flag::refused("volume", kNotYet, 'v'),
      flag::refused("cap-add", kNotYet),
      flag::refused("device", kNotYet),
      flag::refused("add-host", kNotYet),
      flag::refused("cidfile", kNotYet),
  };
  add_registry(flags, request.login, notes);
  add_platform(flags, platform);
  SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (rest.size() != 1) return fail(flag::wrong_count(kCommand, "exactly 1 argument, the image"));
  SCANGATE_TRY(request.image, image_name(kCommand, rest[0]));
  request.platform = platform.text();
  if (pull == "always" || pull == "newer" || pull == "ifnewer") request.pull_always = true;
  return std::optional(std::move(request));
}

Result<std::optional<BuildahCopy>> parse_buildah_copy(std::span<const std::string> args, bool add) {
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
  if (help) return std::nullopt;
  if (rest.size() < 2)
    return fail(flag::wrong_count(command, "at least 2 arguments, the container and what goes into it"));
  request.container = rest[0];
  if (rest.size() > 2) {
    request.target = rest.back();
    rest.pop_back();
  }
  request.sources.assign(rest.begin() + 1, rest.end());
  return std::optional(std::move(request));
}

Result<std::optional<BuildahRun>> parse_buildah_run(std::span<const std::string> args,
                                                    std::vector<std::string>& notes) {
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
      flag::noted("isolation", '\0', Kind::value, notes, kOwnSandbox),
      flag::noted("runtime", '\0', Kind::value, notes, kOwnSandbox),
      flag::refused("volume", kNotYet, 'v'),
      flag::refused("mount", kNotYet),
      flag::refused("cap-add", kNotYet),
      flag::refused("cap-drop", kNotYet),
      flag::refused("device", kNotYet),
  };
  SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::before_arguments, help));
  if (help) return std::nullopt;
  if (rest.empty()) return fail(flag::wrong_count(kCommand, "the container and a command"));
  request.container = rest[0];
  const std::size_t first = rest.size() > 1 && rest[1] == "--" ? 2 : 1;
  if (rest.size() <= first) return fail(flag::wrong_count(kCommand, "the container and a command"));
  request.argv.assign(rest.begin() + static_cast<std::ptrdiff_t>(first), rest.end());
  return std::optional(std::move(request));
}

Result<std::optional<BuildahConfig>> parse_buildah_config(std::span<const std::string> args,
                                                          std::vector<std::string>& notes) {
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
      flag::noted("annotation", '\0', Kind::value, notes, kOciOnly),
      flag::noted("created-by", '\0', Kind::value, notes, "the history names the command that made a layer"),
      flag::noted("comment", '\0', Kind::value, notes, "the history names the command that made a layer"),
      flag::noted("history-comment", '\0', Kind::value, notes, "the history names the command that made a layer"),
      flag::noted("hostname", '\0', Kind::value, notes, kOciOnly),
      flag::noted("domainname", '\0', Kind::value, notes, kOciOnly),
      flag::refused("healthcheck", kNotYet),
      flag::refused("arch", kNotYet),
      flag::refused("os", kNotYet),
      flag::refused("unsetlabel", kNotYet),
      flag::refused("unsetannotation", kNotYet),
  };
  SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (rest.size() != 1) return fail(flag::wrong_count(kCommand, "exactly 1 argument, the container"));
  for (const auto& one : into)
    if (one.instruction == "ENV" && one.value.find('=') == std::string::npos)
      return fail(Error(Fault::user, "buildah config: --env without '=' is not served by scangate")
                      .remedy("variables are set with NAME=VALUE; taking one away is not supported yet"));
  request.container = rest[0];
  return std::optional(std::move(request));
}

Result<std::optional<BuildahCommit>> parse_buildah_commit(std::span<const std::string> args,
                                                          std::vector<std::string>& notes) {
  constexpr std::string_view kCommand = "buildah commit";
  BuildahCommit request;
  bool help = false;
  std::vector<Flag> flags = {
      flag::toggle("rm", '\0', request.remove),
      flag::toggle("quiet", 'q', request.quiet),
      flag::text("iidfile", '\0', request.iidfile),
      flag::silent("disable-compression", 'D', Kind::toggle),
      flag::silent("omit-history", '\0', Kind::toggle),
      flag::noted("format", 'f', Kind::value, notes, "images are built in the docker format"),
      flag::noted("squash", '\0', Kind::toggle, notes, "each step keeps its layer, so that findings name it"),
      flag::refused("manifest", kNotYet),
      flag::refused("timestamp", kNotYet),
      flag::refused("reference-time", kNotYet),
      flag::refused("sign-by", "signing is not supported yet"),
      flag::refused("encryption-key", "encrypted images cannot be scanned"),
  };
  add_registry(flags, request.login, notes);
  SCANGATE_TRY(const auto rest, parse_flags(kCommand, flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
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
  return std::optional(std::move(request));
}

Result<std::optional<BuildahRemove>> parse_buildah_remove(std::span<const std::string> args) {
  BuildahRemove request;
  bool help = false;
  const std::vector<Flag> flags = {flag::toggle("all", 'a', request.all)};
  SCANGATE_TRY(request.containers, parse_flags("buildah rm", flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (request.containers.empty() && !request.all)
    return fail(flag::wrong_count("buildah rm", "at least 1 argument, a container"));
  return std::optional(std::move(request));
}

Result<std::optional<BuildahContainers>> parse_buildah_containers(std::span<const std::string> args) {
  BuildahContainers request;
  bool help = false;
  const std::vector<Flag> flags = {flag::toggle("quiet", 'q', request.quiet),    flag::silent("all", 'a', Kind::toggle),
                                   flag::silent("noheading", 'n', Kind::toggle), flag::refused("json", kNotYet),
                                   flag::refused("filter", kNotYet, 'f'),        flag::refused("format", kNotYet)};
  SCANGATE_TRY(const auto rest, parse_flags("buildah containers", flags, args, Mixing::anywhere, help));
  if (help) return std::nullopt;
  if (!rest.empty()) return fail(flag::wrong_count("buildah containers", "no arguments"));
  return std::optional(request);
}

}  // namespace scangate::command
