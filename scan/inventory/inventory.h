#pragma once
// From the entries of layers to packages. A cataloger per package system; each layer is read once and its result cached
// by diffID.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "scan/model/inventory.h"
#include "scan/view/view.h"

namespace scangate {

// Part of every cache key: raised whenever a cataloger reads more, or reads it differently.
inline constexpr int kCatalogerVersion = 1;

// What one layer contributes, independent of the layers below it: package records by file, whiteouts, opaque folders,
// and what is needed to see that an upper layer hides a lower file. A value; only merge_layers() looks inside.
class LayerInventory {
 public:
  LayerInventory();
  LayerInventory(LayerInventory&&) noexcept;
  LayerInventory& operator=(LayerInventory&&) noexcept;
  ~LayerInventory();
  // Text for the cache, and back; a text of another kCatalogerVersion or a damaged one is an Error and the layer is
  // read again.
  std::string serialise() const;
  static Result<LayerInventory> parse(std::string_view text);

  struct State;
  State& state() { return *state_; }
  const State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// Part of every cache key as well: a layer read with other options has another inventory.
struct InventoryOptions {
  bool lock_files = false;  // also read lock files (package-lock.json, poetry.lock): not installed, so off by default
};

// A tee for the layer writer or reader. Never fails the stream because of what an image holds: trouble becomes an
// InventoryProblem.
class LayerCataloger final : public EntrySink {
 public:
  explicit LayerCataloger(const InventoryOptions& options = {});
  ~LayerCataloger() override;
  Result<Want> begin_entry(const Entry& entry) override;
  Result<void> content(Bytes bytes) override;
  Result<void> end_entry() override;
  LayerInventory finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The merged view, lowest layer first: whiteouts, opaque folders and replaced folders hide what is below; each package
// names the layer that brought its version; language packages whose files an OS package owns are marked
// (Package::owned_by).
Inventory merge_layers(const std::vector<LayerInventory>& layers);

}  // namespace scangate
