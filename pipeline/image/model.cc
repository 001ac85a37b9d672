#include "pipeline/image/model.h"

#include <sys/utsname.h>

#include "base/json/json.h"
#include "base/text.h"
#include "pipeline/image/model_json.h"

namespace scangate {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kDockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";

Result<json> parse_object(std::string_view text, std::string_view place, std::size_t cap_bytes) {
  if (text.size() > cap_bytes)
    return fail(
        Error(Fault::user, fmt::format("it is larger than the allowed {} bytes", cap_bytes)).at(std::string(place)));
  SCANGATE_TRY(json document, parse_json(text, place));
  if (!document.is_object()) return fail(Error(Fault::user, "it must be a JSON object").at(std::string(place)));
  return document;
}

Result<Platform> read_platform(const JsonMembers& from) {
  Platform out;
  SCANGATE_TRY(out.os, from.text("os"));
  SCANGATE_TRY(out.architecture, from.text("architecture"));
  SCANGATE_TRY(out.variant, from.text("variant"));
  return out;
}

Result<Descriptor> read_descriptor(const json& value, std::string_view place, const std::string& path) {
  if (!value.is_object()) return JsonMembers(value, place, path).wrong("", "an object");
  const JsonMembers from(value, place, path + ".");
  Descriptor out;
  SCANGATE_TRY(out.media_type, from.text("mediaType"));
  SCANGATE_TRY(out.digest, from.digest("digest"));
  if (from.find("size") == nullptr) return from.wrong("size", "an integer");
  SCANGATE_TRY(const std::int64_t size, from.integer("size"));
  if (size < 0) return from.wrong("size", "zero or more");
  out.size_bytes = static_cast<std::uint64_t>(size);
  if (const json* platform = from.find("platform")) {
    if (!platform->is_object()) return from.wrong("platform", "an object");
    const JsonMembers members(*platform, place, path + ".platform.");
    SCANGATE_TRY(out.platform, read_platform(members));
    SCANGATE_TRY(out.os_version, members.text("os.version"));
  }
  SCANGATE_TRY(out.annotations, from.text_map("annotations"));
  SCANGATE_TRY(out.urls, from.texts("urls"));
  SCANGATE_TRY(out.artifact_type, from.text("artifactType"));
  return out;
}

Result<std::vector<Descriptor>> read_descriptors(const JsonMembers& from, std::string_view place, std::string_view key,
                                                 std::size_t cap) {
  const json* list = from.find(key);
  if (list == nullptr || !list->is_array()) return from.wrong(key, "an array of descriptors");
  if (list->size() > cap) return from.wrong(key, fmt::format("at most {} descriptors, it has {}", cap, list->size()));
  std::vector<Descriptor> out;
  for (std::size_t i = 0; i < list->size(); ++i) {
    SCANGATE_TRY(Descriptor descriptor, read_descriptor((*list)[i], place, fmt::format("{}[{}]", key, i)));
    out.push_back(std::move(descriptor));
  }
  return out;
}

// Cmd and Entrypoint: an array, or from very old builders one string.
Result<std::optional<std::vector<std::string>>> read_command(const JsonMembers& from, std::string_view key) {
  const json* value = from.find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::vector<std::string>{value->get<std::string>()};
  SCANGATE_TRY(std::vector<std::string> words, from.texts(key));
  return words;
}

Result<std::optional<TimePoint>> read_time(const JsonMembers& from, std::string_view key) {
  SCANGATE_TRY(const std::string text, from.text(key));
  if (text.empty()) return std::nullopt;
  const auto at = parse_time(text);
  if (!at) return from.wrong(key, fmt::format("an RFC 3339 time, not '{}'", printable(text.substr(0, 100))));
  return at;
}

Result<std::optional<Healthcheck>> read_healthcheck(const JsonMembers& config, std::string_view place) {
  const json* value = config.find("Healthcheck");
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) return config.wrong("Healthcheck", "an object");
  const JsonMembers from(*value, place, "config.Healthcheck.");
  Healthcheck out;
  SCANGATE_TRY(out.test, from.texts("Test"));
  const std::pair<std::string_view, std::chrono::nanoseconds*> durations[] = {{"Interval", &out.interval},
                                                                              {"Timeout", &out.timeout},
                                                                              {"StartPeriod", &out.start_period},
                                                                              {"StartInterval", &out.start_interval}};
  for (const auto& [key, into] : durations) {
    SCANGATE_TRY(const std::int64_t nanoseconds, from.integer(key));
    *into = std::chrono::nanoseconds(nanoseconds);
  }
  SCANGATE_TRY(const std::int64_t retries, from.integer("Retries"));
  if (retries < 0 || retries > INT32_MAX) return from.wrong("Retries", "a small number");
  out.retries = static_cast<int>(retries);
  return out;
}

Result<void> read_container_config(const JsonMembers& from, std::string_view place, ImageConfig& out) {
  SCANGATE_TRY(out.user, from.text("User"));
  SCANGATE_TRY(out.exposed_ports, from.keys("ExposedPorts"));
  SCANGATE_TRY(out.environment, from.texts("Env"));
  SCANGATE_TRY(out.entrypoint, read_command(from, "Entrypoint"));
  SCANGATE_TRY(out.command, read_command(from, "Cmd"));
  SCANGATE_TRY(out.volumes, from.keys("Volumes"));
  SCANGATE_TRY(out.working_directory, from.text("WorkingDir"));
  SCANGATE_TRY(out.labels, from.text_map("Labels"));
  SCANGATE_TRY(out.stop_signal, from.text("StopSignal"));
  SCANGATE_TRY(out.healthcheck, read_healthcheck(from, place));
  SCANGATE_TRY(out.shell, read_command(from, "Shell"));
  SCANGATE_TRY(out.on_build, from.texts("OnBuild"));
  return {};
}

Result<void> read_rootfs(const JsonMembers& config, std::string_view place, ImageConfig& out) {
  const json* rootfs = config.find("rootfs");
  if (rootfs == nullptr || !rootfs->is_object()) return config.wrong("rootfs", "an object");
  const JsonMembers from(*rootfs, place, "rootfs.");
  SCANGATE_TRY(const std::vector<std::string> diff_ids, from.texts("diff_ids"));
  if (diff_ids.size() > kMaxLayers)
    return from.wrong("diff_ids", fmt::format("at most {} digests, it has {}", kMaxLayers, diff_ids.size()));
  for (const std::string& text : diff_ids) {
    auto digest = Digest::parse(text);
    if (!digest) return from.wrong("diff_ids", fmt::format("digests: {}", digest.error().cause()));
    out.diff_ids.push_back(DiffId{*digest});
  }
  return {};
}

// Instructions that make no layer count too, and Docker had no limit on them; nobody writes half as many.
constexpr std::size_t kMaxHistory = 5000;

Result<void> read_history(const JsonMembers& config, std::string_view place, ImageConfig& out) {
  const json* list = config.find("history");
  if (list == nullptr) return {};
  if (!list->is_array()) return config.wrong("history", "an array");
  if (list->size() > kMaxHistory)
    return config.wrong("history", fmt::format("at most {} entries, it has {}", kMaxHistory, list->size()));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string path = fmt::format("history[{}]", i);
    if (!(*list)[i].is_object()) return config.wrong(path, "an object");
    const JsonMembers from((*list)[i], place, path + ".");
    History entry;
    SCANGATE_TRY(entry.created, read_time(from, "created"));
    SCANGATE_TRY(entry.created_by, from.text("created_by"));
    SCANGATE_TRY(entry.comment, from.text("comment"));
    SCANGATE_TRY(entry.author, from.text("author"));
    entry.empty_layer = json_bool(from.object(), "empty_layer");
    out.history.push_back(std::move(entry));
  }
  return {};
}

ordered_json descriptor_json(const Descriptor& descriptor) {
  ordered_json out = {
      {"mediaType", descriptor.media_type}, {"digest", descriptor.digest.str()}, {"size", descriptor.size_bytes}};
  if (!descriptor.urls.empty()) out["urls"] = descriptor.urls;
  if (!descriptor.annotations.empty()) out["annotations"] = descriptor.annotations;
  if (descriptor.platform) {
    ordered_json platform = {{"architecture", descriptor.platform->architecture}, {"os", descriptor.platform->os}};
    if (!descriptor.os_version.empty()) platform["os.version"] = descriptor.os_version;
    if (!descriptor.platform->variant.empty()) platform["variant"] = descriptor.platform->variant;
    out["platform"] = std::move(platform);
  }
  if (!descriptor.artifact_type.empty()) out["artifactType"] = descriptor.artifact_type;
  return out;
}

ordered_json set_json(const std::vector<std::string>& keys) {
  ordered_json out = ordered_json::object();
  for (const std::string& key : keys)
    out[key] = ordered_json::object();
  return out;
}

ordered_json healthcheck_json(const Healthcheck& check) {
  ordered_json out = ordered_json::object();
  if (!check.test.empty()) out["Test"] = check.test;
  if (check.interval.count() != 0) out["Interval"] = check.interval.count();
  if (check.timeout.count() != 0) out["Timeout"] = check.timeout.count();
  if (check.start_period.count() != 0) out["StartPeriod"] = check.start_period.count();
  if (check.start_interval.count() != 0) out["StartInterval"] = check.start_interval.count();
  if (check.retries != 0) out["Retries"] = check.retries;
  return out;
}

ordered_json container_config_json(const ImageConfig& config) {
  ordered_json out = ordered_json::object();
  if (!config.user.empty()) out["User"] = config.user;
  if (!config.exposed_ports.empty()) out["ExposedPorts"] = set_json(config.exposed_ports);
  if (!config.environment.empty()) out["Env"] = config.environment;
  if (config.entrypoint) out["Entrypoint"] = *config.entrypoint;
  if (config.command) out["Cmd"] = *config.command;
  if (!config.volumes.empty()) out["Volumes"] = set_json(config.volumes);
  if (!config.working_directory.empty()) out["WorkingDir"] = config.working_directory;
  if (!config.labels.empty()) out["Labels"] = config.labels;
  if (!config.stop_signal.empty()) out["StopSignal"] = config.stop_signal;
  if (config.healthcheck) out["Healthcheck"] = healthcheck_json(*config.healthcheck);
  if (config.shell) out["Shell"] = *config.shell;
  if (!config.on_build.empty()) out["OnBuild"] = config.on_build;
  return out;
}

ordered_json history_json(const History& entry) {
  ordered_json out = ordered_json::object();
  if (entry.created) out["created"] = format_rfc3339(*entry.created);
  if (!entry.author.empty()) out["author"] = entry.author;
  if (!entry.created_by.empty()) out["created_by"] = entry.created_by;
  if (!entry.comment.empty()) out["comment"] = entry.comment;
  if (entry.empty_layer) out["empty_layer"] = true;
  return out;
}

std::string go_architecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("armv")) return "arm";
  if (machine == "i386" || machine == "i486" || machine == "i586" || machine == "i686") return "386";
  if (machine == "loongarch64") return "loong64";
  return std::string(machine);  // ppc64le, s390x, riscv64 are the same
}

}  // namespace

Platform Platform::host() {
  utsname name{};
  uname(&name);
  Platform out{.os = "linux", .architecture = go_architecture(name.machine), .variant = {}};
  if (out.architecture == "arm") out.variant = std::string_view(name.machine).starts_with("armv6") ? "v6" : "v7";
  return out;
}

Result<Platform> Platform::parse(std::string_view text) {
  const std::vector<std::string> parts = split(text, '/');
  const auto is_word = [](const std::string& part) {
    return !part.empty() && part.size() <= 64 &&
           part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") == std::string::npos;
  };
  bool good = parts.size() == 2 || parts.size() == 3;
  for (const std::string& part : parts)
    good = good && is_word(part);
  if (!good)
    return fail(Fault::user,
                fmt::format("'{}' is not a platform: it must be OS/ARCHITECTURE[/VARIANT], such as linux/amd64",
                            printable(text.substr(0, 100))));
  return Platform{parts[0], go_architecture(parts[1]), parts.size() == 3 ? parts[2] : std::string()};
}

std::string Platform::str() const {
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

bool platform_matches(const Platform& wanted, const Platform& offered) {
  if (wanted.os != offered.os || wanted.architecture != offered.architecture) return false;
  return wanted.variant == offered.variant || wanted.variant.empty() || offered.variant.empty();
}

Result<Manifest> parse_manifest(std::string_view text, std::string_view place) {
  SCANGATE_TRY(const json document, parse_object(text, place, kMaxManifestBytes));
  const JsonMembers from(document, place, "");
  Manifest out;
  out.media_type = document_media_type(text);
  if (out.media_type == kDockerSchema1)
    return fail(Error(Fault::user,
                      "it is a Docker schema 1 manifest, which is not supported: push the image again with a "
                      "Docker of 1.10 or later")
                    .at(std::string(place)));
  if (out.media_type != media_type::kOciManifest && out.media_type != media_type::kDockerManifest)
    return from.wrong("mediaType", fmt::format("that of an image manifest, not '{}'", printable(out.media_type)));
  const json* config = from.find("config");
  if (config == nullptr) return from.wrong("config", "a descriptor");
  SCANGATE_TRY(out.config, read_descriptor(*config, place, "config"));
  SCANGATE_TRY(out.layers, read_descriptors(from, place, "layers", kMaxLayers));
  SCANGATE_TRY(out.annotations, from.text_map("annotations"));
  return out;
}

Result<ImageIndex> parse_index(std::string_view text, std::string_view place) {
  SCANGATE_TRY(const json document, parse_object(text, place, kMaxManifestBytes));
  const JsonMembers from(document, place, "");
  ImageIndex out;
  out.media_type = document_media_type(text);
  if (out.media_type != media_type::kOciIndex && out.media_type != media_type::kDockerList)
    return from.wrong("mediaType", fmt::format("that of an image index, not '{}'", printable(out.media_type)));
  SCANGATE_TRY(out.manifests, read_descriptors(from, place, "manifests", kMaxIndexEntries));
  SCANGATE_TRY(out.annotations, from.text_map("annotations"));
  return out;
}

Result<ImageConfig> parse_config(std::string_view text, std::string_view place) {
  SCANGATE_TRY(const json document, parse_object(text, place, kMaxConfigBytes));
  const JsonMembers from(document, place, "");
  ImageConfig out;
  SCANGATE_TRY(out.platform, read_platform(from));
  SCANGATE_TRY(out.created, read_time(from, "created"));
  SCANGATE_TRY(out.author, from.text("author"));
  if (const json* config = from.find("config")) {
    if (!config->is_object()) return from.wrong("config", "an object");
    SCANGATE_CHECK(read_container_config(JsonMembers(*config, place, "config."), place, out));
  }
  SCANGATE_CHECK(read_rootfs(from, place, out));
  SCANGATE_CHECK(read_history(from, place, out));
  return out;
}

std::string document_media_type(std::string_view text) {
  const auto document = parse_json(text, "");
  if (!document || !document->is_object()) return {};
  if (std::string stated = json_string(*document, "mediaType"); !stated.empty()) return stated;
  if (json_int(*document, "schemaVersion") == 1) return std::string(kDockerSchema1);
  if (document->contains("manifests")) return std::string(media_type::kOciIndex);
  if (document->contains("layers") && document->contains("config")) return std::string(media_type::kOciManifest);
  if (document->contains("rootfs")) return std::string(media_type::kOciConfig);
  return {};
}

std::string to_json(const Manifest& manifest) {
  ordered_json layers = ordered_json::array();
  for (const Descriptor& layer : manifest.layers)
    layers.push_back(descriptor_json(layer));
  ordered_json out = {{"schemaVersion", 2},
                      {"mediaType", manifest.media_type},
                      {"config", descriptor_json(manifest.config)},
                      {"layers", std::move(layers)}};
  if (!manifest.annotations.empty()) out["annotations"] = manifest.annotations;
  return dump_json(out);
}

std::string to_json(const ImageIndex& index) {
  ordered_json manifests = ordered_json::array();
  for (const Descriptor& manifest : index.manifests)
    manifests.push_back(descriptor_json(manifest));
  ordered_json out = {{"schemaVersion", 2}, {"mediaType", index.media_type}, {"manifests", std::move(manifests)}};
  if (!index.annotations.empty()) out["annotations"] = index.annotations;
  return dump_json(out);
}

std::string to_json(const ImageConfig& config) {
  ordered_json out = ordered_json::object();
  if (config.created) out["created"] = format_rfc3339(*config.created);
  if (!config.author.empty()) out["author"] = config.author;
  out["architecture"] = config.platform.architecture;
  out["os"] = config.platform.os;
  if (!config.platform.variant.empty()) out["variant"] = config.platform.variant;
  out["config"] = container_config_json(config);
  ordered_json diff_ids = ordered_json::array();
  for (const DiffId& diff_id : config.diff_ids)
    diff_ids.push_back(diff_id.digest.str());
  out["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(diff_ids)}};
  if (!config.history.empty()) {
    ordered_json history = ordered_json::array();
    for (const History& entry : config.history)
      history.push_back(history_json(entry));
    out["history"] = std::move(history);
  }
  return dump_json(out);
}

ChainId chain_id(const std::vector<DiffId>& diff_ids, std::size_t count) {
  ChainId chain;
  for (std::size_t i = 0; i < count && i < diff_ids.size(); ++i)
    chain.digest = i == 0 ? diff_ids[0].digest : Digest::of(chain.digest.str() + " " + diff_ids[i].digest.str());
  return chain;
}

}  // namespace scangate
