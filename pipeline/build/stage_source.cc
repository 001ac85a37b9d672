#include "base/text.h"
#include "pipeline/build/stage_builder.h"
#include "pipeline/image/image_index.h"

namespace scangate::build {

using dockerfile::BaseKind;

Result<SourceTree*> FileSource::tree(BuildWork& work) {
  if (from_context) return context.tree;
  if (!opened) {
    SCANGATE_CHECK(work.cache.have(chain));
    SCANGATE_TRY(auto mounted, work.host.snapshots->mount_read_only(chain, work.cancel, work.progress));
    workspace.emplace(std::move(mounted));
    SCANGATE_TRY(auto tree, SourceTree::open(workspace->root(), what, {}));
    opened.emplace(std::move(tree));
  }
  return &*opened;
}

Result<FileSource> StageBuilder::file_source(const std::optional<Word>& from) {
  FileSource source;
  source.context = {&work_.context, &work_.digests};
  if (!from) return source;
  SCANGATE_TRY(const auto found, dockerfile::resolve_source(work_.file, index_, *from, work_.resolved.contexts));
  source.kind = found.kind;
  const NamedContext* named = found.kind == BaseKind::context ? work_.contexts.find(found.image) : nullptr;
  if (named != nullptr && !named->folder.empty()) {
    source.context = work_.contexts.files(*named);
    return source;
  }
  source.from_context = false;
  source.context = {};
  switch (found.kind) {
    case BaseKind::scratch:
      source.what = "scratch";
      break;
    case BaseKind::stage: {
      const StageState& other = *work_.stages[found.stage];
      source.chain = other.diff_ids();
      source.identity = other.chain_text();
      source.what = fmt::format("stage '{}'", from->text);
      break;
    }
    case BaseKind::context:
    case BaseKind::image: {
      SCANGATE_TRY(const auto reference, Reference::parse(named != nullptr ? named->image : found.image));
      SCANGATE_TRY(const auto claim, work_.claims.take("image " + reference.str(), work_.cancel));
      std::optional<Digest> digest;
      if (named != nullptr && named->manifest_digest) {
        SCANGATE_TRY(digest, platform_manifest(*work_.host.store, *named->manifest_digest, work_.request.platform));
      } else if (!work_.request.pull) {
        SCANGATE_TRY(digest, work_.host.store->find(reference));
        if (digest) {
          SCANGATE_TRY(digest, platform_manifest(*work_.host.store, *digest, work_.request.platform));
        }
      }
      if (!digest) {
        if (work_.host.registry == nullptr)
          return fail(placed(Error(Fault::user, fmt::format("the image {} is not in the store", reference.familiar())),
                             from->place));
        auto pulled = work_.host.registry->pull(reference, work_.request.platform,
                                                work_.request.pull ? PullPolicy::always : PullPolicy::if_not_present,
                                                *work_.host.store, work_.cancel, work_.progress);
        if (!pulled) return fail(placed(std::move(pulled).error(), from->place));
        digest = pulled->manifest_digest;
      }
      work_.materials.add(image_material(reference, work_.request.platform, *digest));
      SCANGATE_TRY(const Manifest manifest, work_.host.store->manifest(*digest));
      SCANGATE_TRY(const ImageConfig config, work_.host.store->config(manifest));
      source.chain = config.diff_ids;
      for (const DiffId& each : source.chain)
        source.identity += each.digest.hex();
      // A pulled layer is found by the store's layer records when it is unpacked.
      source.what = "image " + reference.familiar();
      break;
    }
  }
  return source;
}

}  // namespace scangate::build
