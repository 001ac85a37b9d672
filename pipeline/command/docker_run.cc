#include "pipeline/command/docker_run.h"

#include "base/text.h"
#include "pipeline/command/flag_makers.h"
#include "pipeline/command/flags.h"

namespace scangate::command {
namespace {

using Kind = Flag::Kind;

// SOURCE:TARGET[:OPTIONS] or TARGET alone.
Result<RunVolume> parse_volume(const std::string& text) {
  std::vector<std::string> parts = split(text, ':');
  RunVolume out;
  if (parts.size() > 3) return fail(Fault::user, fmt::format("'{}' is not SOURCE:TARGET[:OPTIONS]", printable(text)));
  if (parts.size() == 1) {
    out.target = parts[0];
  } else {
    out.source = parts[0];
    out.target = parts[1];
    if (out.source.empty()) return fail(Fault::user, "the source is empty");
  }
  if (parts.size() == 3) {
    for (const std::string& option : split(parts[2], ',')) {
      if (option == "ro") out.read_only = true;
      // SELinux labels, propagation and consistency change nothing here.
      else if (option != "rw" && option != "z" && option != "Z" && option != "cached" && option != "delegated" &&
               option != "consistent" && option != "rprivate" && option != "private")
        return fail(Fault::user, fmt::format("the option '{}' is not served", printable(option)));
    }
  }
  if (!out.target.starts_with('/'))
    return fail(Fault::user, fmt::format("the target '{}' is not an absolute path", printable(out.target)));
  return out;
}

// --mount type=bind,source=S,target=T[,readonly].
Result<RunVolume> parse_mount(const std::string& text) {
  RunVolume out;
  std::string type = "volume";
  for (const std::string& item : split(text, ',')) {
    const std::size_t equals = item.find('=');
    const std::string key = item.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : item.substr(equals + 1);
    if (key == "type")
      type = value;
    else if (key == "source" || key == "src")
      out.source = value;
    else if (key == "target" || key == "dst" || key == "destination")
      out.target = value;
    else if (key == "readonly" || key == "ro")
      out.read_only = value.empty() || value == "true" || value == "1";
    else
      return fail(Fault::user, fmt::format("the option '{}' is not served", printable(key)));
  }
  if (type != "bind") return fail(Fault::user, fmt::format("type '{}' is not served, 'bind' is", printable(type)));
  if (out.source.empty() || !out.target.starts_with('/'))
    return fail(Fault::user, "a source and an absolute target are needed");
  return out;
}

}  // namespace

Result<RunRequest> parse_run(std::string_view command, std::span<const std::string> args, bool& help) {
  RunRequest out;
  const auto refuse = [&](std::string_view name, char letter, Kind kind, std::string_view why) {
    return Flag{name, letter, kind, [&out, name, why](const std::string& value) -> Result<void> {
                  if (value != "false") out.refused.emplace_back("--" + std::string(name), std::string(why));
                  return {};
                }};
  };
  const Flag volume{"volume", 'v', Kind::value, [&](const std::string& value) -> Result<void> {
                      SCANGATE_TRY(auto parsed, parse_volume(value));
                      out.volumes.push_back(std::move(parsed));
                      return {};
                    }};
  const Flag mount{"mount", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                     SCANGATE_TRY(auto parsed, parse_mount(value));
                     out.volumes.push_back(std::move(parsed));
                     return {};
                   }};
  const Flag entrypoint{"entrypoint", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                          out.entrypoint = value;
                          return {};
                        }};
  const Flag security{"security-opt", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                        if (value.starts_with("no-new-privileges"))
                          out.no_new_privileges = !value.ends_with("false");
                        else
                          out.refused.emplace_back("--security-opt " + printable(value),
                                                   "only no-new-privileges is served");
                        return {};
                      }};
  constexpr std::string_view kService = "what goes on in the background belongs to 'services:' of the job";
  constexpr std::string_view kPorts = "nothing reaches a container from outside; run servers as 'services:' of the job";
  constexpr std::string_view kMorePower = "a container gets no more rights or devices than docker gives by default";
  const std::vector<Flag> flags = {
      flag::texts("env", 'e', out.environment),
      flag::texts("env-file", '\0', out.environment_files),
      volume,
      mount,
      entrypoint,
      security,
      flag::text("workdir", 'w', out.directory),
      flag::text("user", 'u', out.user),
      flag::text("network", '\0', out.network),
      flag::text("net", '\0', out.network),
      flag::text("hostname", 'h', out.hostname),
      flag::text("platform", '\0', out.platform),
      flag::text("pull", '\0', out.pull),
      flag::toggle("interactive", 'i', out.interactive),
      flag::toggle("read-only", '\0', out.read_only),
      // A container is gone when its command ends, has no name, and no terminal: a job's log is none.
      flag::silent("rm", '\0', Kind::toggle),
      flag::silent("name", '\0', Kind::value),
      flag::silent("tty", 't', Kind::toggle),
      flag::silent("init", '\0', Kind::toggle),
      flag::silent("label", 'l', Kind::value),
      flag::silent("quiet", 'q', Kind::toggle),
      flag::silent("attach", 'a', Kind::value),
      flag::silent("sig-proxy", '\0', Kind::toggle),
      flag::silent("disable-content-trust", '\0', Kind::toggle),
      refuse("detach", 'd', Kind::toggle, kService),
      refuse("restart", '\0', Kind::value, kService),
      refuse("cidfile", '\0', Kind::value, kService),
      refuse("health-cmd", '\0', Kind::value, kService),
      refuse("publish", 'p', Kind::value, kPorts),
      refuse("publish-all", 'P', Kind::toggle, kPorts),
      refuse("expose", '\0', Kind::value, kPorts),
      refuse("link", '\0', Kind::value, kPorts),
      refuse("network-alias", '\0', Kind::value, kPorts),
      refuse("privileged", '\0', Kind::toggle, kMorePower),
      refuse("cap-add", '\0', Kind::value, kMorePower),
      refuse("device", '\0', Kind::value, kMorePower),
      refuse("gpus", '\0', Kind::value, kMorePower),
      refuse("pid", '\0', Kind::value, kMorePower),
      refuse("ipc", '\0', Kind::value, kMorePower),
      refuse("userns", '\0', Kind::value, kMorePower),
      refuse("cap-drop", '\0', Kind::value, "not supported yet"),
      refuse("volumes-from", '\0', Kind::value, "there are no other containers"),
      refuse("tmpfs", '\0', Kind::value, "not supported yet"),
      refuse("add-host", '\0', Kind::value, "not supported yet"),
      refuse("dns", '\0', Kind::value, "not supported yet"),
      refuse("group-add", '\0', Kind::value, "not supported yet"),
      refuse("sysctl", '\0', Kind::value, "not supported yet"),
      refuse("ulimit", '\0', Kind::value, "not supported yet"),
      refuse("shm-size", '\0', Kind::value, "not supported yet"),
      refuse("memory", 'm', Kind::value, "the job's own limits hold"),
      refuse("memory-swap", '\0', Kind::value, "the job's own limits hold"),
      refuse("cpus", '\0', Kind::value, "the job's own limits hold"),
      refuse("cpu-shares", 'c', Kind::value, "the job's own limits hold"),
      refuse("pids-limit", '\0', Kind::value, "the job's own limits hold"),
      refuse("stop-signal", '\0', Kind::value, "not supported yet"),
      refuse("stop-timeout", '\0', Kind::value, "not supported yet"),
      refuse("log-driver", '\0', Kind::value, "the job's log is the only one"),
      refuse("log-opt", '\0', Kind::value, "the job's log is the only one"),
  };
  SCANGATE_TRY(const auto rest, parse_flags(command, flags, args, Mixing::before_arguments, help));
  if (help) return out;
  if (rest.empty()) return fail(flag::wrong_count(command, "at least 1 argument, the image"));
  if (rest[0].empty())
    return fail(
        Error(Fault::user, fmt::format("{}: the image's name is empty", command)).remedy("is a variable not set?"));
  out.image = rest[0];
  out.command.assign(rest.begin() + 1, rest.end());
  return out;
}

}  // namespace scangate::command
