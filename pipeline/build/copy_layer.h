#pragma once
// Writing a planned COPY or ADD as a layer, straight from its source.
#include <vector>

#include "pipeline/build/copy_place.h"
#include "pipeline/image/layer.h"

namespace scangate::build {

// Streams the plan's entries into a layer; digests of files are learned on the way, entries are added to `view`.
// `tree` may be null when the plan holds heredocs only.
Result<WrittenLayer> write_copy_layer(Store& store, SourceTree* tree, CopyPlan& plan, DestinationView& view,
                                      FileDigests* digests, const LayerOptions& options, std::vector<EntrySink*> tees,
                                      const Cancel& cancel);

// Whether ADD unpacks the file: a tar, plain or compressed with gzip or zstd, told by its content. Errors: Fault::user
// for a file packed by xz or bzip2, which we cannot look into yet.
Result<bool> is_archive(SourceTree& tree, const TreeItem& item);

}  // namespace scangate::build
