#include "pipeline/build/flatten.h"

#include "pipeline/build/copy_layer.h"
#include "pipeline/build/copy_place.h"
#include "pipeline/build/copy_select.h"
#include "pipeline/build/destination.h"

namespace scangate {

Result<WrittenLayer> flatten_image(Store& store, Snapshots& snapshots, const Digest& manifest_digest,
                                   const std::map<std::string, std::string>& beside, const Cancel& cancel,
                                   Progress& progress) {
  SCANGATE_TRY(const Manifest manifest, store.manifest(manifest_digest));
  SCANGATE_TRY(const ImageConfig config, store.config(manifest));
  SCANGATE_TRY(const Workspace mounted, snapshots.mount_read_only(config.diff_ids, cancel, progress));
  SCANGATE_TRY(auto tree, build::SourceTree::open(mounted.root(), "the image", {}));
  SCANGATE_TRY(const auto selection, build::select_sources(tree, ".", {}, cancel));
  build::DestinationView nothing(store, snapshots, {}, 0, cancel, progress);
  build::CopyRules rules;
  rules.destination = "/";
  rules.working_directory = "/";
  rules.keep_owners = true;
  build::CopyPlan plan(nothing, std::move(rules));
  SCANGATE_CHECK(plan.begin());
  for (const auto& each : selection.sources)
    SCANGATE_CHECK(plan.add(each));
  for (const auto& [name, text] : beside) {
    build::SelectedSource file;
    file.name = name;
    file.text = text;
    SCANGATE_CHECK(plan.add(file));
  }
  return build::write_copy_layer(store, plan, nothing, nothing, nullptr, nullptr,
                                 {.compression = Compression::none, .clamp_mtime = std::nullopt}, {}, cancel);
}

}  // namespace scangate
