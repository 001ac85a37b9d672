#include "executor/gate/image_lists.h"

#include <algorithm>

#include "executor/gate/image_copy.h"
#include "pipeline/image/image_index.h"

namespace scangate {

using Kind = command::ImageLocation::Kind;

void put_entry(ImageIndex& index, Descriptor entry) {
  const auto same = std::ranges::find(index.manifests, entry.digest, &Descriptor::digest);
  if (same != index.manifests.end())
    *same = std::move(entry);
  else
    index.manifests.push_back(std::move(entry));
}

void set_list_type(ImageIndex& index) {
  const bool docker = !index.manifests.empty() && std::ranges::all_of(index.manifests, [](const Descriptor& entry) {
    return entry.media_type == media_type::kDockerManifest;
  });
  index.media_type = docker ? media_type::kDockerList : media_type::kOciIndex;
}

Result<std::optional<ImageIndex>> ImageLists::find(const Reference& name) const {
  SCANGATE_TRY(const auto digest, images_.store().find(name));
  if (!digest) return std::optional<ImageIndex>();
  return stored_index(images_.store(), *digest);
}

Result<ImageIndex> ImageLists::get(const Reference& name) const {
  SCANGATE_TRY(auto index, find(name));
  if (!index)
    return fail(
        Error(Fault::user, "no such manifest list: " + name.familiar()).remedy("make one with manifest create"));
  return std::move(*index);
}

Result<Digest> ImageLists::put(ImageIndex& index) {
  if (index.manifests.size() > kMaxIndexEntries)
    return fail(Fault::user, fmt::format("a list of more than {} images", kMaxIndexEntries));
  set_list_type(index);
  return images_.store().put_blob(to_json(index));
}

Result<Digest> ImageLists::keep(const Reference& name, ImageIndex& index) {
  SCANGATE_TRY(const Digest digest, put(index));
  SCANGATE_CHECK(images_.store().tag(name, digest));
  return digest;
}

Result<Digest> ImageLists::bring(const std::string& written, Take take, LookIn where) {
  std::string text = written;
  bool in_registry = where == LookIn::registry;
  if (command::has_transport(text)) {
    SCANGATE_TRY(const auto location, command::parse_location("manifest", text));
    if (location.kind != Kind::registry && location.kind != Kind::store) {
      ImageCopy copy{.source = {location, {}}, .targets = {}, .all_platforms = take == Take::all};
      return bring_in(images_, call_, copy, call_.console);
    }
    in_registry = location.kind == Kind::registry;
    text = location.name;
  }
  if (!in_registry)
    if (auto stored = images_.resolve_named(text)) return stored;
  SCANGATE_TRY(const Reference name, Reference::parse(text));
  SCANGATE_TRY(const auto remote, images_.registry(call_).resolve(name, call_.cancel));
  if (!remote) {
    // Built here and not pushed yet: it goes with the list.
    if (auto stored = images_.resolve_named(text)) return stored;
    return fail(Fault::user, "no such manifest: " + name.familiar());
  }
  // By its digest: what the name means in the store stays as it is.
  Reference exact = name;
  exact.tag.clear();
  exact.digest = *remote;
  if (take == Take::one_platform) {
    SCANGATE_TRY(const auto pulled, images_.registry(call_).pull(exact, Platform::host(), PullPolicy::if_not_present,
                                                                 images_.store(), call_.cancel, call_.console));
    if (!images_.store().has_blob(*remote)) return pulled.manifest_digest;
  } else {
    SCANGATE_TRY(const auto pulled,
                 images_.registry(call_).pull_all(exact, images_.store(), call_.cancel, call_.console));
    return pulled.manifest_digest;
  }
  return *remote;
}

Result<std::vector<Descriptor>> ImageLists::entries(const std::string& written, Take take, LookIn where) {
  SCANGATE_TRY(const Digest digest, bring(written, take, where));
  SCANGATE_TRY(auto index, stored_index(images_.store(), digest));
  if (index && take == Take::all) return std::move(index->manifests);
  SCANGATE_TRY(const Digest one, platform_manifest(images_.store(), digest, Platform::host()));
  SCANGATE_TRY(Descriptor entry, index_entry(images_.store(), one));
  return std::vector<Descriptor>{std::move(entry)};
}

}  // namespace scangate
