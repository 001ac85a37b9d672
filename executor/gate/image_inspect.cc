#include "executor/gate/image_inspect.h"

#include <thread>

#include "base/json/json.h"
#include "base/text.h"
#include "executor/gate/go_template.h"

namespace scangate {
namespace {

using nlohmann::ordered_json;

// The docker version whose command lines are served: scripts compare it.
constexpr const char* kDockerVersion = "27.0.0";
constexpr const char* kApiVersion = "1.46";

ordered_json list_or_null(const std::optional<std::vector<std::string>>& words) {
  return words ? ordered_json(*words) : ordered_json();
}

ordered_json set_or_null(const std::vector<std::string>& names) {
  if (names.empty()) return nullptr;
  ordered_json out = ordered_json::object();
  for (const auto& name : names)
    out[name] = ordered_json::object();
  return out;
}

ordered_json config_json(const ImageConfig& config) {
  ordered_json out = {{"Hostname", ""},
                      {"Domainname", ""},
                      {"User", config.user},
                      {"AttachStdin", false},
                      {"AttachStdout", false},
                      {"AttachStderr", false},
                      {"ExposedPorts", set_or_null(config.exposed_ports)},
                      {"Tty", false},
                      {"OpenStdin", false},
                      {"StdinOnce", false},
                      {"Env", config.environment},
                      {"Cmd", list_or_null(config.command)},
                      {"Image", ""},
                      {"Volumes", set_or_null(config.volumes)},
                      {"WorkingDir", config.working_directory},
                      {"Entrypoint", list_or_null(config.entrypoint)},
                      {"OnBuild", config.on_build.empty() ? ordered_json() : ordered_json(config.on_build)},
                      {"Labels", config.labels.empty() ? ordered_json() : ordered_json(config.labels)}};
  if (!config.stop_signal.empty()) out["StopSignal"] = config.stop_signal;
  if (config.shell) out["Shell"] = *config.shell;
  if (config.healthcheck)
    out["Healthcheck"] = {{"Test", config.healthcheck->test},
                          {"Interval", config.healthcheck->interval.count()},
                          {"Timeout", config.healthcheck->timeout.count()},
                          {"StartPeriod", config.healthcheck->start_period.count()},
                          {"Retries", config.healthcheck->retries}};
  return out;
}

}  // namespace

Result<std::string> inspect_json(const Store& store, const Digest& manifest_digest) {
  SCANGATE_TRY(const Manifest manifest, store.manifest(manifest_digest));
  SCANGATE_TRY(const ImageConfig config, store.config(manifest));
  std::uint64_t size = manifest.config.size_bytes;
  for (const auto& layer : manifest.layers)
    size += layer.size_bytes;
  ordered_json tags = ordered_json::array();
  ordered_json digests = ordered_json::array();
  std::string stored;
  SCANGATE_TRY(const auto images, store.images());
  for (const auto& image : images) {
    if (image.manifest_digest != manifest_digest) continue;
    const auto name = Reference::parse(image.name);
    if (!name) continue;
    stored = format_rfc3339(image.stored);
    tags.push_back(name->familiar());
    const std::string familiar = name->familiar();
    const std::string by_digest =
        familiar.substr(0, familiar.size() - name->tag.size() - 1) + "@" + manifest_digest.str();
    if (digests.empty() || digests.back() != by_digest) digests.push_back(by_digest);
  }
  ordered_json layers = ordered_json::array();
  for (const auto& diff_id : config.diff_ids)
    layers.push_back(diff_id.digest.str());
  ordered_json out = {{"Id", manifest.config.digest.str()},
                      {"RepoTags", std::move(tags)},
                      {"RepoDigests", std::move(digests)},
                      {"Parent", ""},
                      {"Comment", config.history.empty() ? "" : config.history.back().comment},
                      {"Created", config.created ? format_rfc3339(*config.created) : ""},
                      {"DockerVersion", ""},
                      {"Author", config.author},
                      {"Config", config_json(config)},
                      {"Architecture", config.platform.architecture},
                      {"Variant", config.platform.variant},
                      {"Os", config.platform.os},
                      {"Size", size},
                      {"VirtualSize", size},
                      {"RootFS", {{"Type", "layers"}, {"Layers", std::move(layers)}}},
                      {"Metadata", {{"LastTagTime", stored}}}};
  return dump_json(out, 4);
}

Result<std::string> history_text(const Store& store, const Digest& manifest_digest,
                                 const command::HistoryRequest& request) {
  SCANGATE_TRY(const Manifest manifest, store.manifest(manifest_digest));
  SCANGATE_TRY(const ImageConfig config, store.config(manifest));
  const bool table = request.format.empty() || request.format == "table";
  std::string out;
  if (table && !request.quiet)
    out = fmt::format("{:<14} {:<21} {:<46} {:<10} {}\n", "IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT");
  std::size_t layer = manifest.layers.size();
  for (std::size_t i = config.history.size(); i-- > 0;) {
    const History& entry = config.history[i];
    // Only the newest entry is an image of its own; docker calls the others missing too.
    const bool newest = i + 1 == config.history.size();
    const std::string id = !newest            ? "<missing>"
                           : request.no_trunc ? manifest.config.digest.str()
                                              : manifest.config.digest.brief();
    std::uint64_t size = 0;
    if (!entry.empty_layer && layer > 0) size = manifest.layers[--layer].size_bytes;
    const std::string created = entry.created ? format_rfc3339(*entry.created) : "N/A";
    std::string by = printable(entry.created_by);
    if (table && !request.no_trunc && by.size() > 45) by = by.substr(0, 42) + "...";
    if (request.quiet) {
      out += id + "\n";
    } else if (table) {
      out +=
          fmt::format("{:<14} {:<21} {:<46} {:<10} {}\n", id, created, by, human_bytes(size), printable(entry.comment));
    } else {
      const ordered_json row = {{"ID", id},        {"CreatedAt", created},      {"CreatedSince", created},
                                {"CreatedBy", by}, {"Size", human_bytes(size)}, {"Comment", entry.comment}};
      SCANGATE_TRY(const std::string text,
                   fill_template(request.format == "json" ? "{{json .}}" : request.format, dump_json(row)));
      out += text + "\n";
    }
  }
  return out;
}

std::string version_json() {
  const Platform host = Platform::host();
  const ordered_json side = {{"Version", kDockerVersion}, {"ApiVersion", kApiVersion},
                             {"MinAPIVersion", "1.24"},   {"Os", host.os},
                             {"Arch", host.architecture}, {"Experimental", false}};
  ordered_json client = side;
  client["Platform"] = {{"Name", "scangate image gate"}};
  client["Context"] = "default";
  ordered_json server = side;
  server["Platform"] = {{"Name", "scangate image gate (no Docker daemon)"}};
  return dump_json(ordered_json{{"Client", client}, {"Server", server}});
}

std::string info_json() {
  const Platform host = Platform::host();
  return dump_json(ordered_json{{"ID", "scangate"},
                                {"Name", "scangate"},
                                {"ServerVersion", kDockerVersion},
                                {"Driver", "overlay2"},
                                {"OSType", host.os},
                                {"Architecture", host.architecture},
                                {"OperatingSystem", "scangate image gate (no Docker daemon)"},
                                {"NCPU", std::thread::hardware_concurrency()},
                                {"Containers", 0},
                                {"ContainersRunning", 0},
                                {"Swarm", {{"LocalNodeState", "inactive"}}},
                                {"SecurityOptions", {"name=seccomp,profile=builtin"}},
                                {"Warnings", nullptr}});
}

}  // namespace scangate
