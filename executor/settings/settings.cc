#include "executor/settings/settings.h"

#include <charconv>
#include <functional>

#include "base/file.h"
#include "base/text.h"
#include "base/yaml/yaml.h"

namespace scangate {
namespace fs = std::filesystem;
namespace {

// A configuration file is written by hand; a megabyte is a mistake.
constexpr std::size_t kMaxConfigFileBytes = 1U << 20U;

using Handler = std::function<Result<void>(const yaml::Value&)>;

// Reads a map with exactly these keys.
Result<void> read_map(const yaml::Value& map, std::string_view what, const std::map<std::string, Handler>& handlers) {
  if (!map.is_map())
    return fail(yaml::error_at(map.place, fmt::format("{} must be a map, found {}", what, map.kind_name())));
  for (const auto& entry : map.entries) {
    const auto handler = handlers.find(entry.key);
    if (handler == handlers.end()) {
      std::vector<std::string> known;
      for (const auto& [key, unused] : handlers)
        known.push_back(key);
      const auto near = nearest(entry.key, known);
      return fail(yaml::error_at(entry.key_place, fmt::format("unknown key '{}' in {}", entry.key, what))
                      .remedy(near ? fmt::format("did you mean '{}'?", *near)
                                   : fmt::format("known keys: {}", fmt::join(known, ", "))));
    }
    SCANGATE_CHECK(handler->second(entry.value));
  }
  return {};
}

Handler text(std::string& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    if (!value.is_scalar() || value.text.empty())
      return fail(yaml::error_at(value.place, fmt::format("expected a text, found {}", value.kind_name())));
    target = value.text;
    return {};
  };
}

Handler path(fs::path& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    if (!value.is_string() || !value.text.starts_with("/"))
      return fail(yaml::error_at(value.place, fmt::format("expected an absolute path, found '{}'", value.text)));
    target = value.text;
    return {};
  };
}

Handler address(std::optional<ServerAddress>& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    target = value.is_scalar() ? server_origin(value.text) : std::nullopt;
    if (target) return {};
    return fail(yaml::error_at(value.place, fmt::format("expected an address without a path such as "
                                                        "https://gitlab.internal:8443, found '{}'",
                                                        redact(value.text))));
  };
}

Handler flag(bool& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    if (!value.is_bool())
      return fail(yaml::error_at(value.place, fmt::format("expected true or false, found {}", value.kind_name())));
    target = value.is_true();
    return {};
  };
}

Handler number(int& target, int lowest, int highest) {
  return [&target, lowest, highest](const yaml::Value& value) -> Result<void> {
    if (!value.is_integer() || value.text.size() > 6 || std::stoi(value.text) < lowest ||
        std::stoi(value.text) > highest)
      return fail(yaml::error_at(
          value.place, fmt::format("expected a number from {} to {}, found '{}'", lowest, highest, value.text)));
    target = std::stoi(value.text);
    return {};
  };
}

// What GitLab takes as artifacts:expire_in, as far as its words go: "30 days", "3 mins 4 sec", "1 week and 2 days",
// "never", seconds.
Handler duration(std::string& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    static constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.";
    const bool starts_well = value.is_scalar() && !value.text.empty() &&
                             (value.text == "never" || (value.text[0] >= '0' && value.text[0] <= '9'));
    if (!starts_well || value.text.size() > 60 || value.text.find_first_not_of(kCharacters) != std::string::npos)
      return fail(yaml::error_at(
          value.place, fmt::format("expected a duration such as '30 days', or 'never', found '{}'", value.text)));
    target = value.text;
    return {};
  };
}

Handler texts(std::vector<std::string>& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    if (!value.is_list())
      return fail(yaml::error_at(value.place, fmt::format("expected a list, found {}", value.kind_name())));
    target.clear();
    for (const auto& item : value.items) {
      if (!item.is_scalar())
        return fail(yaml::error_at(item.place, fmt::format("expected a text, found {}", item.kind_name())));
      target.push_back(item.text);
    }
    return {};
  };
}

template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Handler cpus(std::optional<double>& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    target = value.is_scalar() ? whole_number<double>(value.text) : std::nullopt;
    // The kernel's shortest share is 1 ms of 100 ms: cgroup-v2.rst, "cpu.max".
    if (target && *target >= 0.01 && *target <= 4096) return {};
    return fail(yaml::error_at(value.place,
                               fmt::format("expected a number of processors such as 1.5, found '{}'", value.text)));
  };
}

// Bytes with a unit as docker's --memory takes them: b, k, m, g (1024 each), also with "B" or "iB".
Handler memory(std::optional<std::uint64_t>& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    std::string text = value.is_scalar() ? to_lower(value.text) : "";
    for (const std::string_view tail : {"b", "i"})
      if (text.size() > 1 && text.ends_with(tail)) text.pop_back();
    int shift = 0;
    if (!text.empty())
      for (const auto& [unit, bits] : {std::pair{'k', 10}, std::pair{'m', 20}, std::pair{'g', 30}, std::pair{'t', 40}})
        if (text.back() == unit) shift = bits;
    if (shift != 0) text.pop_back();
    const auto number = whole_number<std::uint64_t>(text);
    // Docker's own lower bound: below it no program starts.
    constexpr std::uint64_t kLowest = 6U << 20U;
    if (number && *number <= (1ULL << (62 - shift)) && (*number << shift) >= kLowest) {
      target = *number << shift;
      return {};
    }
    return fail(yaml::error_at(
        value.place, fmt::format("expected an amount of memory of at least 6m such as 4g, found '{}'", value.text)));
  };
}

Handler pids(std::optional<std::uint64_t>& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    const auto number = value.is_integer() ? whole_number<std::uint64_t>(value.text) : std::nullopt;
    // The runtime itself needs some threads; the kernel's own limit is 4 million.
    if (!number || *number < 16 || *number > 4'194'304)
      return fail(yaml::error_at(
          value.place, fmt::format("expected a number of processes from 16 to 4194304, found '{}'", value.text)));
    target = *number;
    return {};
  };
}

Handler ports(std::vector<std::uint16_t>& target) {
  return [&target](const yaml::Value& value) -> Result<void> {
    if (!value.is_list())
      return fail(yaml::error_at(value.place, fmt::format("expected a list of ports, found {}", value.kind_name())));
    target.clear();
    for (const auto& item : value.items) {
      const auto port = item.is_integer() ? whole_number<std::uint16_t>(item.text) : std::nullopt;
      if (!port || *port == 0)
        return fail(yaml::error_at(item.place, fmt::format("expected a port from 1 to 65535, found '{}'", item.text)));
      target.push_back(*port);
    }
    return {};
  };
}

template <class Enum>
Handler one_of(Enum& target, std::map<std::string, Enum> choices) {
  return [&target, choices = std::move(choices)](const yaml::Value& value) -> Result<void> {
    const auto found = choices.find(value.text);
    if (found != choices.end()) {
      target = found->second;
      return {};
    }
    std::vector<std::string> known;
    for (const auto& [name, unused] : choices)
      known.push_back(name);
    return fail(yaml::error_at(value.place, fmt::format("'{}' is not one of {}", value.text, fmt::join(known, ", "))));
  };
}

Result<void> read_registry(const std::string& host, const yaml::Value& value, RegistryHostSettings& settings) {
  return read_map(value, fmt::format("registries '{}'", host),
                  {{"mirrors", texts(settings.mirrors)},
                   {"ca_file", path(settings.ca_file)},
                   {"plain_http", flag(settings.plain_http)},
                   {"verify_certificates", flag(settings.verify_certificates)}});
}

Result<void> read_registries(const yaml::Value& value, RegistrySettings& registries) {
  if (!value.is_map())
    return fail(
        yaml::error_at(value.place, fmt::format("registries must be a map of hosts, found {}", value.kind_name())));
  for (const auto& entry : value.entries)
    SCANGATE_CHECK(read_registry(entry.key, entry.value, registries.hosts[entry.key]));
  return {};
}

Result<void> read_brokered(const yaml::Value& value, std::map<std::string, std::vector<std::string>>& brokered) {
  if (!value.is_map())
    return fail(yaml::error_at(
        value.place, fmt::format("brokered must be a map of variables to hosts, found {}", value.kind_name())));
  for (const auto& entry : value.entries)
    SCANGATE_CHECK(texts(brokered[entry.key])(entry.value));
  return {};
}

}  // namespace

std::optional<std::string> environment_value(const std::vector<std::string>& environment, std::string_view name) {
  for (const auto& entry : environment)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  return std::nullopt;
}

Result<Settings> parse_settings(std::string_view yaml, const std::string& place, Settings settings) {
  yaml::Budget budget;
  SCANGATE_TRY(const auto documents, yaml::read(yaml, place, budget));
  if (documents.empty() || documents.front().is_null()) return settings;
  if (documents.size() > 1) return fail(yaml::error_at(documents[1].place, "a configuration file holds one document"));
  fs::path policy;
  const auto sandbox = [&](const yaml::Value& value) {
    return read_map(value, "sandbox",
                    {{"runtime", text(settings.runtime)},
                     {"network", one_of<NetworkChoice>(settings.network, {{"auto", NetworkChoice::automatic},
                                                                          {"private", NetworkChoice::own},
                                                                          {"host", NetworkChoice::host},
                                                                          {"none", NetworkChoice::none}})},
                     {"allow_host_loopback", ports(settings.allow_host_loopback)},
                     {"cpus", cpus(settings.limits.cpus)},
                     {"memory", memory(settings.limits.memory_bytes)},
                     {"pids", pids(settings.limits.processes)},
                     {"no_new_privileges", flag(settings.no_new_privileges)}});
  };
  const auto services = [&](const yaml::Value& value) {
    return read_map(value, "services",
                    {{"wait_seconds", number(settings.service_wait_seconds, 0, 3600)},
                     {"on_host_network", flag(settings.services_on_host_network)}});
  };
  const auto build = [&](const yaml::Value& value) {
    return read_map(value, "build",
                    {{"run_timeout_minutes", number(settings.builds.run_timeout_minutes, 0, 100'000)},
                     {"cache_mounts", memory(settings.builds.cache_mounts_bytes)}});
  };
  const auto enforce = [&](const yaml::Value& value) -> Result<void> {
    if (value.is_bool() && !value.is_true()) {  // a bare `off` is false in YAML 1.1
      settings.enforce = Enforce::off;
      return {};
    }
    return one_of<Enforce>(settings.enforce,
                           {{"strict", Enforce::strict}, {"observe", Enforce::observe}, {"off", Enforce::off}})(value);
  };
  const auto aws = [&](const yaml::Value& value) {
    return read_map(value, "aws",
                    {{"endpoint", text(settings.aws.endpoint)},
                     {"sts_endpoint", text(settings.aws.sts_endpoint)},
                     {"ca_file", path(settings.aws.ca_file)},
                     {"credentials_file", path(settings.aws.credentials_file)}});
  };
  const auto transfer = [&](const yaml::Value& value) {
    return read_map(value, "transfer",
                    {{"parallel_blobs", number(settings.registries.parallel_blobs, 1, 32)},
                     {"attempts", number(settings.registries.attempts, 1, 20)}});
  };
  const auto reports = [&](const yaml::Value& value) {
    return read_map(value, "reports",
                    {{"upload", flag(settings.reports.upload)}, {"expire_in", duration(settings.reports.expire_in)}});
  };
  const auto gitlab = [&](const yaml::Value& value) {
    return read_map(value, "gitlab", {{"url", address(settings.gitlab_url)}});
  };
  SCANGATE_CHECK(
      read_map(documents.front(), "the configuration",
               {{"store", path(settings.store)},
                {"database", path(settings.database)},
                {"policy", path(policy)},
                {"shim", path(settings.shim)},
                {"enforce", enforce},
                {"on_stop", one_of<OnStop>(settings.on_stop, {{"job", OnStop::job}, {"command", OnStop::command}})},
                {"sandbox", sandbox},
                {"build", build},
                {"services", services},
                {"aws", aws},
                {"transfer", transfer},
                {"gitlab", gitlab},
                {"reports", reports},
                {"registries", [&](const yaml::Value& value) { return read_registries(value, settings.registries); }},
                {"brokered", [&](const yaml::Value& value) { return read_brokered(value, settings.brokered); }},
                {"tool_images", texts(settings.tool_images)},
                {"gate_services", texts(settings.gate_services)}}));
  if (!policy.empty()) settings.policy = policy;
  return settings;
}

Settings default_settings(bool as_root, const std::vector<std::string>& environment, const fs::path& program) {
  Settings settings;
  if (as_root) {
    settings.store = "/var/lib/scangate";
  } else if (const auto data = environment_value(environment, "XDG_DATA_HOME")) {
    settings.store = fs::path(*data) / "scangate";
  } else {
    settings.store = fs::path(environment_value(environment, "HOME").value_or("/")) / ".local/share/scangate";
  }
  // Tool images: what they hold is a client for a daemon that is not here, or a builder whose work the gate does.
  settings.tool_images = {
      "docker",
      "docker:*",
      "gcr.io/kaniko-project/executor:*",
      "*/kaniko-project/executor:*",
      "*/kaniko:*",
      "*/kaniko-executor:*",
      "quay.io/buildah/stable",
      "quay.io/buildah/stable:*",
      "quay.io/podman/stable",
      "quay.io/podman/stable:*",
      "quay.io/skopeo/stable",
      "quay.io/skopeo/stable:*",
      "gcr.io/go-containerregistry/crane",
      "gcr.io/go-containerregistry/crane:*",
  };
  settings.gate_services = {"docker:dind", "docker:*-dind", "docker:*dind*"};
  settings.brokered = {{"AWS_SECRET_ACCESS_KEY", {"*.amazonaws.com"}}, {"AWS_SESSION_TOKEN", {"*.amazonaws.com"}}};
  // Beside the program in a build folder, under libexec when installed.
  const fs::path folder = program.parent_path();
  settings.shim = folder / "scangate-shim";
  std::error_code ignored;
  if (!fs::exists(settings.shim, ignored)) settings.shim = folder.parent_path() / "libexec/scangate/scangate-shim";
  return settings;
}

Result<Settings> load_settings(const SettingsRequest& request, const std::vector<std::string>& environment,
                               bool as_root, const fs::path& program) {
  Settings settings = default_settings(as_root, environment, program);
  const auto from_environment = [&](std::string_view name) -> std::optional<fs::path> {
    const auto value = environment_value(environment, name);
    return value && !value->empty() ? std::optional<fs::path>(*value) : std::nullopt;
  };
  auto file = request.config_file ? request.config_file : from_environment("SCANGATE_CONFIG");
  std::error_code ignored;
  if (!file && fs::exists("/etc/scangate/config.yaml", ignored)) file = "/etc/scangate/config.yaml";
  if (file) {
    SCANGATE_TRY(const std::string yaml, read_file(*file, kMaxConfigFileBytes));
    SCANGATE_TRY(settings, parse_settings(yaml, file->string(), std::move(settings)));
  }
  const auto choose = [&](const std::optional<fs::path>& asked, std::string_view variable) {
    return asked ? asked : from_environment(variable);
  };
  if (const auto store = choose(request.store, "SCANGATE_STORE")) settings.store = *store;
  if (const auto database = choose(request.database, "SCANGATE_DB")) settings.database = *database;
  if (const auto policy = choose(request.policy, "SCANGATE_POLICY")) settings.policy = *policy;
  settings.store = fs::absolute(settings.store);
  if (settings.database.empty()) settings.database = settings.store / "advisories.db";
  return settings;
}

}  // namespace scangate
