#include "executor/gate/image_files.h"

#include <fcntl.h>

#include "base/file.h"
#include "pipeline/attestation/attestation.h"
#include "pipeline/build/flatten.h"
#include "pipeline/image/transfer.h"

namespace scangate {
namespace {

// What one `docker load` may put on the store's disk before it is looked at: the largest archives people move are some
// tens of gigabytes.
constexpr std::uint64_t kMaxArchiveBytes = 256ULL << 30U;

bool is_stream(const std::string& path) {
  return path.empty() || path == "-";
}

// Into a file of the job, or its standard output.
Result<void> give(GateCall& call, UniqueFd made, const std::string& path) {
  FdSource from(std::move(made), "the archive");
  if (is_stream(path)) {
    JobOutput to(call.request.output.get(), "standard output", call.cancel);
    SCANGATE_TRY([[maybe_unused]] const std::uint64_t sent, copy_bytes(from, to));
    return {};
  }
  SCANGATE_TRY(UniqueFd file, call.files.create(path));
  FdSink to(std::move(file), path);
  SCANGATE_TRY([[maybe_unused]] const std::uint64_t written, copy_bytes(from, to));
  return {};
}

}  // namespace

Result<void> save_files(ImageCommands& images, GateCall& call, const Digest& manifest_digest, const std::string& path) {
  SCANGATE_TRY(const auto lease, images.store().lease());
  SCANGATE_TRY(Snapshots * snapshots, images.engine().snapshots());
  SCANGATE_TRY(const AttestedImage image, attested_image(images.store(), manifest_digest));
  std::map<std::string, std::string> beside;
  for (const auto& file : image.files)
    beside[file.name] = file.text;
  SCANGATE_TRY(const WrittenLayer files,
               flatten_image(images.store(), *snapshots, image.manifest_digest, beside, call.cancel, call.console));
  SCANGATE_TRY(UniqueFd made, images.store().open_blob(files.blob.digest));
  return give(call, std::move(made), path);
}

Result<void> save_archive(ImageCommands& images, GateCall& call, const std::vector<std::string>& names,
                          ArchiveForm form, const std::string& path) {
  std::vector<NamedImage> wanted;
  for (const auto& name : names) {
    // Only an OCI archive can hold several platforms.
    SCANGATE_TRY(const Digest digest, form == ArchiveForm::oci ? images.resolve_named(name) : images.resolve(name));
    const auto reference = Reference::parse(name);
    // What was asked for by its id keeps no name in the archive, as with docker.
    const bool named = reference && images.store().find(*reference).value_or(std::nullopt).has_value();
    wanted.push_back({.manifest_digest = digest, .name = named ? reference->str() : std::string()});
  }
  // Made in the store first: the writer seeks, and the job's files are reached through descriptors only.
  SCANGATE_TRY(const TempDir work, images.store().make_work_folder("save-"));
  const auto archive = work.path() / "image.tar";
  if (form == ArchiveForm::docker) {
    SCANGATE_CHECK(save_images(images.store(), wanted, archive, call.cancel, call.console));
  } else {
    if (wanted.size() != 1) return fail(Fault::user, "an OCI archive holds one image");
    SCANGATE_CHECK(export_image(images.store(), wanted[0].manifest_digest, wanted[0].name,
                                "oci-archive:" + archive.string(), call.cancel, call.console));
  }
  SCANGATE_TRY(UniqueFd made, open_file(archive, O_RDONLY));
  return give(call, std::move(made), path);
}

Result<std::vector<std::string>> load_archive(ImageCommands& images, GateCall& call, const std::string& path) {
  SCANGATE_TRY(const TempDir work, images.store().make_work_folder("load-"));
  const auto archive = work.path() / "image.tar";
  // A copy of our own, also of a file: the archive is read twice, and the job could change its file in between.
  SCANGATE_TRY(UniqueFd copy, open_file(archive, O_WRONLY | O_CREAT | O_EXCL, 0600));
  FdSink to(std::move(copy), "the archive");
  if (is_stream(path)) {
    JobInput from(call.request.input.get(), "the archive on standard input", call.cancel);
    SCANGATE_TRY(const std::uint64_t size, copy_bytes(from, to, kMaxArchiveBytes));
    if (size == 0) return fail(Fault::user, "the archive on standard input is empty");
  } else {
    SCANGATE_TRY(UniqueFd file, call.files.open_file(path));
    FdSource from(std::move(file), path);
    SCANGATE_TRY([[maybe_unused]] const std::uint64_t size, copy_bytes(from, to, kMaxArchiveBytes));
  }
  auto loaded = load_images(images.store(), archive, call.cancel, call.console);
  // The place would be a path of the host that means nothing to the job.
  if (!loaded)
    return fail(Error(loaded.error().fault(), loaded.error().cause()).at(is_stream(path) ? "standard input" : path));
  std::vector<std::string> out;
  for (const auto& image : *loaded) {
    SCANGATE_TRY(const Manifest manifest, images.store().manifest(image.manifest_digest));
    SCANGATE_CHECK(images.remember(manifest.config.digest, image.manifest_digest));
    for (const auto& name : image.names) {
      SCANGATE_TRY(const Reference reference, Reference::parse(name));
      SCANGATE_CHECK(images.store().tag(reference, image.manifest_digest));
      out.push_back("Loaded image: " + reference.familiar());
    }
    if (image.names.empty()) out.push_back("Loaded image ID: " + manifest.config.digest.str());
  }
  return out;
}

}  // namespace scangate
