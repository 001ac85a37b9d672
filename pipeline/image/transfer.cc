#include "pipeline/image/transfer.h"

#include <fcntl.h>

#include "pipeline/image/blob_import.h"
#include "pipeline/image/docker_archive.h"
#include "pipeline/image/image_index.h"
#include "pipeline/image/layer.h"
#include "pipeline/image/oci_layout.h"

namespace scangate {
namespace {

enum class Form { rootfs, docker_archive, oci_folder, oci_archive };

struct Location {
  Form form = Form::rootfs;
  std::filesystem::path path;
  std::string name;  // what follows the path, if anything
};

// "oci:DIR:TAG": the tag follows the last colon, unless a slash follows that (a colon in a folder's name).
Location parse_location(std::string_view text) {
  constexpr std::pair<std::string_view, Form> kForms[] = {
      {"docker-archive:", Form::docker_archive}, {"oci:", Form::oci_folder}, {"oci-archive:", Form::oci_archive}};
  for (const auto& [prefix, form] : kForms) {
    if (!text.starts_with(prefix)) continue;
    text.remove_prefix(prefix.size());
    // A docker-archive is followed by a whole reference, which has slashes and colons of its own.
    const std::size_t colon = form == Form::docker_archive ? text.find(':') : text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return {form, text, {}};
    const std::string_view name = text.substr(colon + 1);
    if (form != Form::docker_archive && name.find('/') != std::string_view::npos) return {form, text, {}};
    return {form, text.substr(0, colon), std::string(name)};
  }
  return {Form::rootfs, text, {}};
}

Result<Imported> import_rootfs(Store& store, const std::filesystem::path& file, const Platform& platform,
                               const Cancel& cancel, Progress& progress) {
  SCANGATE_TRY(UniqueFd fd, open_file(file, O_RDONLY));
  FdSource raw(std::move(fd), file.string());
  WatchedSource watched(raw, file.string(), 0, cancel, progress);
  SCANGATE_TRY(const WrittenLayer layer, layer_from_tar(store, watched, {}, {}, file.string()));
  ImageConfig config{.platform = platform};
  config.diff_ids.push_back(layer.diff_id);
  // No times: the same file gives the same image.
  config.history.push_back({.created_by = "scangate image import", .comment = file.filename().string()});
  const std::string config_text = to_json(config);
  Manifest manifest{.media_type = std::string(media_type::kOciManifest)};
  manifest.config.media_type = media_type::kOciConfig;
  manifest.config.size_bytes = config_text.size();
  SCANGATE_TRY(manifest.config.digest, store.put_blob(config_text));
  manifest.layers.push_back(layer.blob);
  Imported out;
  SCANGATE_TRY(out.manifest_digest, store.put_blob(to_json(manifest)));
  return out;
}

}  // namespace

Result<Imported> import_image(Store& store, std::string_view source, const Platform& platform, const Cancel& cancel,
                              Progress& progress) {
  const Location from = parse_location(source);
  if (from.path.empty()) return fail(Fault::user, fmt::format("'{}' names no file or folder", source));
  switch (from.form) {
    case Form::docker_archive:
      return import_docker_archive(store, from.path, from.name, cancel, progress);
    case Form::oci_folder:
      return import_oci_folder(store, from.path, from.name, platform, cancel, progress);
    case Form::oci_archive:
      return import_oci_archive(store, from.path, from.name, platform, cancel, progress);
    case Form::rootfs:
      break;
  }
  return import_rootfs(store, from.path, platform, cancel, progress);
}

Result<Imported> import_all(Store& store, std::string_view source, const Cancel& cancel, Progress& progress) {
  const Location from = parse_location(source);
  if (from.form == Form::oci_folder)
    return import_oci_folder(store, from.path, from.name, std::nullopt, cancel, progress);
  if (from.form == Form::oci_archive)
    return import_oci_archive(store, from.path, from.name, std::nullopt, cancel, progress);
  return import_image(store, source, Platform::host(), cancel, progress);
}

Result<void> export_image(const Store& store, const Digest& manifest_digest, const std::string& name,
                          std::string_view target, const Cancel& cancel, Progress& progress) {
  const Location to = parse_location(target);
  if (to.form == Form::rootfs || to.path.empty())
    return fail(Fault::user, fmt::format("'{}' is no place for an image: it must be oci:DIR[:TAG], oci-archive:FILE or "
                                         "docker-archive:FILE",
                                         target));
  switch (to.form) {
    case Form::docker_archive: {
      SCANGATE_TRY(const Digest image, platform_manifest(store, manifest_digest, Platform::host()));
      return export_docker_archive(store, image, to.name.empty() ? name : to.name, to.path, cancel, progress);
    }
    case Form::oci_archive:
      return export_oci_archive(store, manifest_digest, name, to.name, to.path, cancel, progress);
    default:
      return export_oci_folder(store, manifest_digest, name, to.name, to.path, cancel, progress);
  }
}

Result<ImageFacts> image_facts(const Store& store, const Digest& manifest_digest, const std::string& name) {
  SCANGATE_TRY(const Manifest manifest, store.manifest(manifest_digest));
  SCANGATE_TRY(const ImageConfig config, store.config(manifest));
  ImageFacts out;
  out.name = name;
  out.manifest_digest = manifest_digest;
  out.config_digest = manifest.config.digest;
  out.config = {.user = config.user,
                .exposed_ports = config.exposed_ports,
                .environment = config.environment,
                .labels = config.labels,
                .entrypoint = config.entrypoint.value_or(std::vector<std::string>()),
                .command = config.command.value_or(std::vector<std::string>()),
                .volumes = config.volumes,
                .working_directory = config.working_directory,
                // {"NONE"} turns an inherited check off.
                .has_healthcheck = config.healthcheck && !config.healthcheck->test.empty() &&
                                   config.healthcheck->test.front() != "NONE",
                .architecture = config.platform.architecture,
                .os = config.platform.os,
                .created = config.created};
  std::vector<std::string> created_by;
  for (const History& entry : config.history)
    if (!entry.empty_layer) created_by.push_back(entry.created_by);
  // A history that does not match the layers (squashed by hand) tells nothing about any of them.
  const bool matches = created_by.size() == config.diff_ids.size();
  for (std::size_t i = 0; i < config.diff_ids.size(); ++i)
    out.layers.push_back({.diff_id = config.diff_ids[i], .created_by = matches ? created_by[i] : std::string()});
  return out;
}

}  // namespace scangate
