#include "executor/gate/container_inspect.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/image/reference.h"

namespace scangate {
namespace {

using nlohmann::ordered_json;
using Phase = ContainerState::Phase;

constexpr std::size_t kShownCommand = 20;  // as docker cuts it

std::string time_text(std::chrono::system_clock::time_point at) {
  // What docker says of what has not happened.
  if (at == std::chrono::system_clock::time_point()) return "0001-01-01T00:00:00Z";
  return format_rfc3339(std::chrono::floor<std::chrono::seconds>(at));
}

std::string age_text(std::chrono::seconds age) {
  const auto count = age.count();
  if (count < 1) return "Less than a second";
  if (count == 1) return "1 second";
  if (count < 60) return fmt::format("{} seconds", count);
  if (count < 120) return "About a minute";
  if (count < 3600) return fmt::format("{} minutes", count / 60);
  if (count < 7200) return "About an hour";
  return fmt::format("{} hours", count / 3600);
}

std::string status_text(const ContainerState& state, TimePoint now) {
  const auto since = [&](std::chrono::system_clock::time_point at) {
    return age_text(now - std::chrono::floor<std::chrono::seconds>(at));
  };
  switch (state.phase) {
    case Phase::created:
      return "Created";
    case Phase::running:
      return "Up " + since(state.started);
    case Phase::exited:
      break;
  }
  return fmt::format("Exited ({}) {} ago", state.exit_code, since(state.finished));
}

ordered_json bindings(const command::PublishedPort& port) {
  return ordered_json::array({{{"HostIp", "0.0.0.0"}, {"HostPort", std::to_string(port.host)}}});
}

std::string port_key(const command::PublishedPort& port) {
  return fmt::format("{}/{}", port.container, port.udp ? "udp" : "tcp");
}

}  // namespace

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::created:
      return "created";
    case Phase::running:
      return "running";
    case Phase::exited:
      break;
  }
  return "exited";
}

std::string_view container_health_name(ContainerHealth health) {
  switch (health) {
    case ContainerHealth::none:
      return "none";
    case ContainerHealth::starting:
      return "starting";
    case ContainerHealth::healthy:
      return "healthy";
    case ContainerHealth::unhealthy:
      break;
  }
  return "unhealthy";
}

std::string ports_text(const std::vector<command::PublishedPort>& ports) {
  std::string out;
  for (const auto& port : ports)
    out += fmt::format("{}0.0.0.0:{}->{}", out.empty() ? "" : ", ", port.host, port_key(port));
  return out;
}

std::string inspect_container_json(const JobContainer& container, ContainerHealth health) {
  const ContainerFacts& facts = container.facts();
  const ContainerState state = container.running().state();
  const SandboxSpec& spec = container.running().spec();
  const bool running = state.phase == Phase::running;
  ordered_json state_json = {{"Status", phase_name(state.phase)},
                             {"Running", running},
                             {"Paused", false},
                             {"Restarting", false},
                             {"OOMKilled", false},
                             {"Dead", false},
                             {"Pid", running ? 1 : 0},
                             {"ExitCode", state.exit_code},
                             {"Error", state.error ? state.error->cause() : ""},
                             {"StartedAt", time_text(state.started)},
                             {"FinishedAt", time_text(state.finished)}};
  if (health != ContainerHealth::none)
    state_json["Health"] = {
        {"Status", container_health_name(health)}, {"FailingStreak", 0}, {"Log", ordered_json::array()}};
  ordered_json labels = ordered_json::object();
  for (const auto& [key, value] : facts.labels)
    labels[key] = value;
  ordered_json ports = ordered_json::object();
  for (const auto& port : facts.ports)
    ports[port_key(port)] = bindings(port);
  ordered_json mounts = ordered_json::array();
  for (const auto& mount : facts.mounts)
    mounts.push_back({{"Type", mount.source.empty() ? "tmpfs"
                               : mount.named_volume ? "volume"
                                                    : "bind"},
                      {"Name", mount.named_volume ? mount.source : ""},
                      {"Source", mount.source},
                      {"Destination", mount.target},
                      {"Mode", mount.read_only ? "ro" : ""},
                      {"RW", !mount.read_only}});
  const std::string address = facts.network == "none" ? "" : "127.0.0.1";
  const ordered_json network = {{"IPAddress", address},       {"IPPrefixLen", 8},
                                {"Gateway", address},         {"MacAddress", ""},
                                {"NetworkID", facts.network}, {"Aliases", {container.name(), facts.id.substr(0, 12)}}};
  const ordered_json out = {
      {"Id", facts.id},
      {"Created", format_rfc3339(facts.created)},
      {"Path", spec.argv.front()},
      {"Args", std::vector<std::string>(spec.argv.begin() + 1, spec.argv.end())},
      {"State", std::move(state_json)},
      {"Image", facts.image_id.str()},
      {"Name", "/" + container.name()},
      {"RestartCount", 0},
      {"Platform", "linux"},
      {"HostConfig",
       {{"NetworkMode", facts.network},
        {"PortBindings", ports},
        {"RestartPolicy", {{"Name", "no"}, {"MaximumRetryCount", 0}}},
        {"AutoRemove", facts.remove_at_end},
        {"Privileged", false},
        {"ReadonlyRootfs", spec.root_read_only}}},
      {"Mounts", std::move(mounts)},
      {"Config",
       {{"Hostname", spec.hostname},
        {"User", spec.uid == 0 ? "" : fmt::format("{}:{}", spec.uid, spec.gid)},
        {"Env", spec.environment},
        {"Cmd", spec.argv},
        {"Image", facts.image},
        {"WorkingDir", spec.directory},
        {"Entrypoint", nullptr},
        {"Labels", std::move(labels)}}},
      {"NetworkSettings",
       {{"Ports", ports}, {"IPAddress", address}, {"Gateway", address}, {"Networks", {{facts.network, network}}}}}};
  return dump_json(out, 4);
}

std::string list_container_json(const JobContainer& container, TimePoint now, bool whole_ids) {
  const ContainerFacts& facts = container.facts();
  const ContainerState state = container.running().state();
  std::string command = fmt::format("{}", fmt::join(container.running().spec().argv, " "));
  if (!whole_ids && command.size() > kShownCommand) command = command.substr(0, kShownCommand - 1) + "…";
  std::string labels;
  for (const auto& [key, value] : facts.labels)
    labels += fmt::format("{}{}={}", labels.empty() ? "" : ",", key, value);
  std::string mounts;
  std::size_t volumes = 0;
  for (const auto& mount : facts.mounts) {
    mounts += (mounts.empty() ? "" : ",") + mount.source;
    volumes += mount.named_volume ? 1 : 0;
  }
  return dump_json(ordered_json{{"ID", whole_ids ? facts.id : facts.id.substr(0, 12)},
                                {"Names", container.name()},
                                {"Image", facts.image},
                                {"Command", "\"" + printable(command) + "\""},
                                {"CreatedAt", format_rfc3339(facts.created)},
                                {"RunningFor", age_text(now - facts.created) + " ago"},
                                {"Ports", state.phase == Phase::running ? ports_text(facts.ports) : ""},
                                {"State", phase_name(state.phase)},
                                {"Status", status_text(state, now)},
                                {"Size", "0B"},
                                {"Labels", labels},
                                {"Mounts", mounts},
                                {"Networks", facts.network},
                                {"LocalVolumes", std::to_string(volumes)}});
}

}  // namespace scangate
