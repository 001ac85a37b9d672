#include "pipeline/command/docker_run.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "pipeline/command/docker_containers.h"
#include "pipeline/command/flag_makers.h"
#include "pipeline/command/flags.h"

namespace scangate::command {
namespace {

using Kind = Flag::Kind;

// What has no slash and does not begin like a path is a volume's name.
bool is_path(std::string_view source) {
  return source.starts_with('.') || source.starts_with('~') || source.find('/') != std::string_view::npos;
}

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
    if (!is_path(out.source) && !is_object_name(out.source))
      return fail(Fault::user, fmt::format("'{}' is no volume's name", printable(out.source)));
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
  if (type != "bind" && type != "volume" && type != "tmpfs")
    return fail(Fault::user, fmt::format("type '{}' is not served, 'bind', 'volume' and 'tmpfs' are", printable(type)));
  if ((type == "bind") != is_path(out.source))
    return fail(Fault::user, "the source of a bind mount is a path, and only that");
  if (type == "volume" && !out.source.empty() && !is_object_name(out.source))
    return fail(Fault::user, fmt::format("'{}' is no volume's name", printable(out.source)));
  if ((type == "tmpfs" && !out.source.empty()) || !out.target.starts_with('/'))
    return fail(Fault::user, "a source and an absolute target are needed");
  return out;
}

// What ends up as a line of a hosts file holds no blanks: hosts(5).
bool is_hosts_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '#' && c < 0x7F; });
}

struct PortRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

std::optional<PortRange> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto number = [](std::string_view digits) -> std::optional<std::uint32_t> {
    std::uint16_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return PortRange{*first, *last};
}

Result<void> parse_ports(const std::string& text, std::vector<PublishedPort>& into) {
  const auto wrong = [&] {
    return Error(Fault::user, fmt::format("'{}' is not [ADDRESS:][HOST:]CONTAINER[/PROTOCOL]", printable(text)));
  };
  const std::size_t slash = text.find('/');
  const std::string protocol = slash == std::string::npos ? "tcp" : text.substr(slash + 1);
  if (protocol != "tcp" && protocol != "udp") return fail(wrong());
  const std::string_view ports = std::string_view(text).substr(0, slash);
  const std::size_t colon = ports.rfind(':');
  const auto inside = parse_range(colon == std::string_view::npos ? ports : ports.substr(colon + 1));
  if (!inside || inside->first == 0) return fail(wrong());
  // Behind the last colon but one is the host's port; what is before it is an address, of either kind.
  std::string_view host = colon == std::string_view::npos ? std::string_view() : ports.substr(0, colon);
  if (const std::size_t before = host.rfind(':'); before != std::string_view::npos) host = host.substr(before + 1);
  PortRange outside{};
  if (!host.empty()) {
    const auto range = parse_range(host);
    if (!range || (range->last - range->first != inside->last - inside->first)) return fail(wrong());
    outside = *range;
  }
  if (into.size() + (inside->last - inside->first) >= kMaxPublishedPorts)
    return fail(Fault::user, fmt::format("more than {} ports", kMaxPublishedPorts));
  for (std::uint32_t i = 0; i <= inside->last - inside->first; ++i)
    into.push_back({.host = static_cast<std::uint16_t>(outside.first == 0 ? 0 : outside.first + i),
                    .container = static_cast<std::uint16_t>(inside->first + i),
                    .udp = protocol == "udp"});
  return {};
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
  const Flag publish{"publish", 'p', Kind::value,
                     [&](const std::string& value) { return parse_ports(value, out.ports); }};
  const Flag add_host{"add-host", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                        // "name:address", "name=address"; the address may hold colons of its own.
                        const std::size_t at = value.find_first_of("=:");
                        if (at == std::string::npos || at == 0 || at + 1 == value.size() || !is_hosts_line(value))
                          return fail(Fault::user, fmt::format("'{}' is not name:address", printable(value)));
                        out.add_hosts.emplace_back(value.substr(0, at), value.substr(at + 1));
                        return {};
                      }};
  const Flag alias{"network-alias", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                     if (!is_object_name(value))
                       return fail(Fault::user, fmt::format("'{}' is no name", printable(value)));
                     out.names.push_back(value);
                     return {};
                   }};
  const Flag name{"name", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                    if (!is_object_name(value))
                      return fail(
                          Fault::user,
                          fmt::format("'{}' is no name: letters, digits, '_', '.' and '-' make one, at least two",
                                      printable(value)));
                    out.name = value;
                    return {};
                  }};
  const Flag temporary{"tmpfs", '\0', Kind::value, [&](const std::string& value) -> Result<void> {
                         std::string target = value.substr(0, value.find(':'));
                         if (!target.starts_with('/'))
                           return fail(Fault::user, fmt::format("'{}' is not an absolute path", printable(target)));
                         out.temporary.push_back(std::move(target));
                         return {};
                       }};
  const Flag shared_memory{"shm-size", '\0', Kind::value, [&](const std::string&) -> Result<void> {
                             // Room as the job's memory has it.
                             out.temporary.emplace_back("/dev/shm");
                             return {};
                           }};
  const auto note = [&](std::string_view flag_name, char letter, std::string_view why, Kind kind = Kind::value) {
    return flag::noted(flag_name, letter, kind, out.notes, why);
  };
  constexpr std::string_view kMorePower = "a container gets no more rights or devices than docker gives by default";
  constexpr std::string_view kJobsLimits = "the job's own limits hold";
  constexpr std::string_view kOneLog = "'docker logs' has what the container says";
  constexpr std::string_view kOneTime = "a health check runs when its state is asked for";
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
      name,
      publish,
      add_host,
      alias,
      temporary,
      shared_memory,
      flag::toggle("rm", '\0', out.remove),
      flag::toggle("detach", 'd', out.detach),
      flag::toggle("publish-all", 'P', out.publish_all),
      flag::toggle("no-healthcheck", '\0', out.no_health_check),
      flag::text("health-cmd", '\0', out.health_command),
      flag::text("cidfile", '\0', out.id_file),
      flag::texts("link", '\0', out.links),
      flag::pairs("label", 'l', out.labels),
      // A job's log is no terminal.
      flag::silent("tty", 't', Kind::toggle),
      flag::silent("expose", '\0', Kind::value),
      flag::silent("quiet", 'q', Kind::toggle),
      flag::silent("attach", 'a', Kind::value),
      flag::silent("sig-proxy", '\0', Kind::toggle),
      flag::silent("disable-content-trust", '\0', Kind::toggle),
      flag::silent("stop-timeout", '\0', Kind::value),
      // podman's
      flag::silent("replace", '\0', Kind::toggle),
      note("init", '\0', "what is left of a container ends with it", Kind::toggle),
      note("restart", '\0', "a container that ended stays so"),
      note("health-interval", '\0', kOneTime),
      note("health-timeout", '\0', kOneTime),
      note("health-retries", '\0', kOneTime),
      note("health-start-period", '\0', kOneTime),
      note("health-start-interval", '\0', kOneTime),
      note("ulimit", '\0', kJobsLimits),
      note("memory", 'm', kJobsLimits),
      note("cpus", '\0', kJobsLimits),
      note("pids-limit", '\0', kJobsLimits),
      note("memory-swap", '\0', kJobsLimits),
      note("memory-reservation", '\0', kJobsLimits),
      note("cpu-shares", 'c', kJobsLimits),
      note("cpuset-cpus", '\0', kJobsLimits),
      note("log-driver", '\0', kOneLog),
      note("log-opt", '\0', kOneLog),
      refuse("privileged", '\0', Kind::toggle, kMorePower),
      refuse("cap-add", '\0', Kind::value, kMorePower),
      refuse("device", '\0', Kind::value, kMorePower),
      refuse("gpus", '\0', Kind::value, kMorePower),
      refuse("pid", '\0', Kind::value, kMorePower),
      refuse("ipc", '\0', Kind::value, kMorePower),
      refuse("userns", '\0', Kind::value, kMorePower),
      refuse("cap-drop", '\0', Kind::value, "not supported yet"),
      refuse("volumes-from", '\0', Kind::value, "give both containers the same volume by name"),
      refuse("dns", '\0', Kind::value, "the job's name servers are the container's"),
      refuse("group-add", '\0', Kind::value, "not supported yet"),
      refuse("sysctl", '\0', Kind::value, "not supported yet"),
      refuse("stop-signal", '\0', Kind::value, "give the signal to 'docker stop'"),
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
