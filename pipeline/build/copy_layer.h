#pragma once
// Writing a planned COPY or ADD as a layer, straight from its source.
#include <vector>

#include "pipeline/build/copy_place.h"
#include "pipeline/image/layer.h"

namespace scangate::build {

// Streams the plan's entries into a layer; entries are added to `view`. `below`: what the layer lies on, which is
// `view` itself unless the layer is to be independent of it. Digests of `context`'s files are learned on the way when
// both are given.
Result<WrittenLayer> write_copy_layer(Store& store, CopyPlan& plan, PathLookup& below, DestinationView& view,
                                      const SourceTree* context, FileDigests* digests, const LayerOptions& options,
                                      std::vector<EntrySink*> tees, const Cancel& cancel);

// Whether ADD unpacks the file: a tar, plain or compressed with gzip, zstd, xz or bzip2, told by its content. The
// libraries' decoders are used, not the programs xz and bzip2: these would have to be confined, found and fed, and give
// no better answer; both kinds of decoder are bounded by the caps on what comes out.
Result<bool> is_archive(SourceTree& tree, const TreeItem& item);

}  // namespace scangate::build
