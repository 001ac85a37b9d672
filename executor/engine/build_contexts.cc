#include "executor/engine/build_contexts.h"

#include <algorithm>

#include "base/text.h"
#include "pipeline/image/image_index.h"

namespace scangate {
namespace {

using Kind = command::ContextFlag::Kind;

// What a layout's digest means: the image itself, or one that its index lists.
Result<Digest> listed(const Store& store, const Digest& image, const std::string& wanted) {
  SCANGATE_TRY(const Digest digest, Digest::parse(wanted));
  if (image == digest) return digest;
  SCANGATE_TRY(const auto index, stored_index(store, image));
  if (index && std::ranges::find(index->manifests, digest, &Descriptor::digest) != index->manifests.end())
    return digest;
  return fail(Fault::user, fmt::format("the layout has no image {}", digest.str()));
}

Result<Digest> layout_image(const Store& store, const command::ContextFlag& flag, const NamedFiles& files) {
  // `latest` where nothing is said, as buildx; a layout of one image without a name has that one.
  auto image = files.layout(flag.value, flag.tag.empty() && flag.digest.empty() ? "latest" : flag.tag);
  if (!image && flag.tag.empty() && flag.digest.empty()) image = files.layout(flag.value, "");
  if (!image) return fail(std::move(image).error());
  return flag.digest.empty() ? image : listed(store, *image, flag.digest);
}

}  // namespace

Result<std::vector<RemoteContext>> take_named_contexts(Engine& engine, const std::vector<command::ContextFlag>& flags,
                                                       const NamedFiles& files, BuildRequest& request,
                                                       const Cancel& cancel, Progress& progress) {
  std::vector<RemoteContext> out;
  for (const auto& flag : flags) {
    const auto taken = [&]() -> Result<NamedContext> {
      NamedContext named;
      SCANGATE_TRY(named.name, context_name(flag.name));
      switch (flag.kind) {
        case Kind::folder: {
          SCANGATE_TRY(named.folder, files.folder(flag.value));
          break;
        }
        case Kind::remote: {
          SCANGATE_TRY(auto fetched,
                       engine.fetch_remote(flag.value, git_agent(request), files.reveal, cancel, progress));
          if (fetched.dockerfile)
            return fail(Error(Fault::user, fmt::format("'{}' is no tar", redact(printable(flag.value))))
                            .remedy("give a tar or a git repository; ADD takes a file by its URL"));
          named.folder = fetched.folder;
          named.material = fetched.material;
          out.push_back(std::move(fetched));
          break;
        }
        case Kind::image: {
          SCANGATE_TRY(const auto reference, Reference::parse(flag.value));
          named.image = reference.str();
          break;
        }
        case Kind::layout: {
          SCANGATE_TRY(named.manifest_digest, layout_image(*engine.store(), flag, files));
          named.image = named.name;
          break;
        }
      }
      return named;
    };
    auto named = taken();
    if (!named) return fail(std::move(named).error().during("taking the build context " + printable(flag.name)));
    request.named_contexts.push_back(std::move(*named));
  }
  return out;
}

}  // namespace scangate
