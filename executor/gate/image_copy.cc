#include "executor/gate/image_copy.h"

#include "base/text.h"
#include "executor/gate/job_archive.h"
#include "executor/gate/job_login.h"

namespace scangate {
namespace {

using Kind = command::ImageLocation::Kind;

Result<Digest> pull(ImageCommands& images, GateCall& call, const ImageCopy& copy, Progress& progress) {
  SCANGATE_TRY(const Reference name, Reference::parse(copy.source.location.name));
  use_login(images, call, copy.source.login, name.registry, copy.files);
  if (!copy.all_platforms) {
    SCANGATE_TRY(const auto pulled, images.pull(call, name, copy.platform, PullPolicy::always, progress));
    return pulled.manifest_digest;
  }
  SCANGATE_TRY(const auto pulled, images.pull_all(call, name, progress));
  return pulled.manifest_digest;
}

// What an archive calls the image, when the target does not say.
std::string name_in_archive(const ImageCopy& copy) {
  const auto& source = copy.source.location;
  if (source.kind != Kind::registry && source.kind != Kind::store) return {};
  const auto name = Reference::parse(source.name);
  return name ? name->str() : std::string();
}

Result<int> put(ImageCommands& images, GateCall& call, const ImageCopy& copy, const CopyEnd& target,
                const Digest& digest, Progress& progress) {
  switch (target.location.kind) {
    case Kind::registry: {
      SCANGATE_TRY(const Reference name, Reference::parse(target.location.name));
      use_login(images, call, target.login, name.registry, copy.files);
      SCANGATE_TRY(const auto outcome, images.push(call, digest, name, progress));
      if (!outcome.pushed) return exit_number(outcome.code);
      progress.line(Level::info, fmt::format("{}: digest: {} ({} sent)", name.familiar(), digest.str(),
                                             human_bytes(outcome.pushed->sent_bytes)));
      return 0;
    }
    case Kind::store: {
      SCANGATE_TRY(const Reference name, Reference::parse(target.location.name));
      SCANGATE_CHECK(images.store().tag(name, digest));
      return 0;
    }
    default:
      SCANGATE_CHECK(export_to_job(call, images.store(), digest, name_in_archive(copy), target.location, progress));
      return 0;
  }
}

}  // namespace

Result<Digest> bring_in(ImageCommands& images, GateCall& call, const ImageCopy& copy, Progress& progress) {
  const auto& from = copy.source.location;
  if (from.kind == Kind::registry) return pull(images, call, copy, progress);
  if (from.kind == Kind::store)
    return copy.all_platforms ? images.resolve_named(from.name) : images.resolve(from.name, copy.platform);
  const auto platform = copy.all_platforms ? std::nullopt : std::optional(copy.platform);
  SCANGATE_TRY(const auto imported, import_from_job(call, images.store(), from, platform, progress));
  return imported.manifest_digest;
}

Result<CopyOutcome> copy_image(ImageCommands& images, GateCall& call, const ImageCopy& copy, Progress& progress) {
  // An archive's image has no name that would keep it.
  SCANGATE_TRY(const auto lease, images.store().lease());
  CopyOutcome out;
  SCANGATE_TRY(out.manifest_digest, bring_in(images, call, copy, progress));
  SCANGATE_TRY(out.code, copy_stored(images, call, copy, out.manifest_digest, progress));
  return out;
}

Result<int> copy_stored(ImageCommands& images, GateCall& call, const ImageCopy& copy, const Digest& manifest_digest,
                        Progress& progress) {
  for (const auto& target : copy.targets) {
    SCANGATE_TRY(const int code, put(images, call, copy, target, manifest_digest, progress));
    if (code != 0) return code;
  }
  return 0;
}

}  // namespace scangate
