#pragma once
// The file system a COPY writes into, without unpacking the layers that earlier COPYs just wrote.
#include <map>
#include <memory>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "pipeline/build/source_tree.h"
#include "pipeline/image/snapshot.h"

namespace scangate::build {

struct StackedLayer {
  DiffId diff_id;
  Descriptor blob;
};

// The lowest layers as a read-only mount (made at the first look), above them an index of the entries of layers that
// hold no whiteouts: those of COPY, ADD and WORKDIR. Not thread-safe; store and snapshots outlive it.
class DestinationView final : public PathLookup {
 public:
  // `mounted`: how many of `layers`, from below, are mounted; the rest are read as entries.
  DestinationView(Store& store, Snapshots& snapshots, std::vector<StackedLayer> layers, std::size_t mounted,
                  const Cancel& cancel, Progress& progress);

  Result<std::optional<PathNode>> node(const std::string& path) override;
  // The text of a file, links followed; nullopt when there is none.
  Result<std::optional<std::string>> read_text(const std::string& path, std::size_t cap_bytes);
  // An entry of a layer that was just written on top.
  void add(const std::string& path, const PathNode& node);
  // The layer those entries are in, once it is written.
  void grow(StackedLayer layer) { layers_.push_back(std::move(layer)); }

 private:
  Result<void> prepare();

  Store& store_;
  Snapshots& snapshots_;
  std::vector<StackedLayer> layers_;
  std::size_t mounted_;
  std::size_t given_;  // layers at the beginning; entries of later ones come through add()
  Cancel cancel_;
  Progress& progress_;
  bool prepared_ = false;
  std::optional<Workspace> workspace_;
  std::optional<SourceTree> tree_;
  std::map<std::string, PathNode, std::less<>> above_;
};

}  // namespace scangate::build
