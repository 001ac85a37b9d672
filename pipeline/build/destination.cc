#include "pipeline/build/destination.h"

#include "pipeline/image/layer.h"

namespace scangate::build {
namespace {

PathNode node_of(const Entry& entry) {
  return {entry.type, entry.mode, entry.uid, entry.gid, entry.mtime_seconds, entry.link_target};
}

// Collects a layer's entries; a hard link stands for a file here.
class IndexSink final : public EntrySink {
 public:
  explicit IndexSink(DestinationView& view) : view_(view) {}
  Result<Want> begin_entry(const Entry& entry) override {
    view_.add(entry.path, node_of(entry));
    return Want::skip;
  }
  Result<void> content(Bytes) override { return {}; }
  Result<void> end_entry() override { return {}; }

 private:
  DestinationView& view_;
};

}  // namespace

DestinationView::DestinationView(Store& store, Snapshots& snapshots, std::vector<StackedLayer> layers,
                                 std::size_t mounted, const Cancel& cancel, Progress& progress)
    : store_(store),
      snapshots_(snapshots),
      layers_(std::move(layers)),
      mounted_(mounted),
      given_(layers_.size()),
      cancel_(cancel),
      progress_(progress) {}

Result<void> DestinationView::prepare() {
  if (prepared_) return {};
  prepared_ = true;
  if (mounted_ > 0) {
    std::vector<DiffId> below;
    for (std::size_t i = 0; i < mounted_; ++i)
      below.push_back(layers_[i].diff_id);
    SCANGATE_TRY(auto workspace, snapshots_.mount_read_only(below, cancel_, progress_));
    workspace_.emplace(std::move(workspace));
    SCANGATE_TRY(auto tree, SourceTree::open(workspace_->root(), "the image", {}));
    tree_.emplace(std::move(tree));
  }
  // Entries added before the first look are newer than those read here.
  auto newer = std::exchange(above_, {});
  for (std::size_t i = mounted_; i < given_; ++i) {
    IndexSink sink(*this);
    SCANGATE_CHECK(stored_layer(store_, layers_[i].blob, layers_[i].diff_id)->read(sink));
  }
  for (auto& [path, node] : newer)
    above_[path] = std::move(node);
  return {};
}

void DestinationView::add(const std::string& path, const PathNode& node) {
  above_[path] = node;
}

Result<std::optional<PathNode>> DestinationView::node(const std::string& path) {
  SCANGATE_CHECK(prepare());
  if (const auto found = above_.find(path); found != above_.end()) return found->second;
  if (tree_) return tree_->node(path);
  if (path.empty()) return PathNode{EntryType::directory, 0755, 0, 0, 0, ""};
  return std::nullopt;
}

Result<std::optional<std::string>> DestinationView::read_text(const std::string& path, std::size_t cap_bytes) {
  SCANGATE_TRY(const std::string resolved, resolve_path(*this, path));
  SCANGATE_TRY(auto found, node(resolved));
  if (!found) return std::nullopt;
  if (above_.contains(resolved)) {
    // Rare: an earlier COPY brought /etc/passwd. Mounting everything is the simple way to its content.
    std::vector<DiffId> all;
    for (const StackedLayer& layer : layers_)
      all.push_back(layer.diff_id);
    SCANGATE_TRY(auto workspace, snapshots_.mount_read_only(all, cancel_, progress_));
    SCANGATE_TRY(auto tree, SourceTree::open(workspace.root(), "the image", {}));
    return tree.read_text(resolved, cap_bytes);
  }
  return tree_->read_text(resolved, cap_bytes);
}

}  // namespace scangate::build
