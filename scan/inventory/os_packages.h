#pragma once
// The package database of one package system in a stack of layers: what it lists on top, since when, and what was lost
// on the way.
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "scan/inventory/cataloger.h"
#include "scan/inventory/merged_view.h"

namespace scangate::inventory {

// Keeps pointers into the layers of the view it is shown: they outlive it.
class OsPackages {
 public:
  // `system` is the name of the package system in its records.
  OsPackages(const Cataloger& cataloger, std::string_view system) : cataloger_(cataloger), system_(system) {}

  // Looks at the view after layer `index` was added; called for every layer, lowest first.
  void look(const MergedView& view, std::size_t index);

  // The rest is for after the last layer.
  bool empty() const { return installed_.empty(); }
  // With paths and layer, without namespace.
  std::vector<Package> packages() const;
  std::vector<InventoryProblem> problems() const;
  // The installed package whose file list holds `path`, and the layer that brought its version.
  struct Owner {
    std::string name;
    std::size_t layer = 0;
  };
  std::optional<Owner> owner_of(const std::string& path) const;

 private:
  struct Live {
    std::string_view path;
    VisibleNode node;
  };
  struct Installed {
    const Package* package = nullptr;
    std::string_view path;  // of the database
    std::size_t layer = 0;  // first layer in which it was listed and stayed
  };
  using Key = std::tuple<std::string_view, std::string_view, std::string_view>;  // name, version, architecture

  std::map<std::string_view, Live> live_nodes(const MergedView& view) const;
  void index_owners();
  std::optional<InventoryProblem> lists_without_record() const;

  const Cataloger& cataloger_;
  std::string_view system_;
  std::map<std::string_view, Live> live_;
  std::map<Key, Installed> installed_;
  std::map<std::string_view, std::size_t> layers_;  // by name: the newest layer of its versions
  std::map<std::string_view, std::string_view> owners_;
  std::optional<InventoryProblem> loss_;
};

}  // namespace scangate::inventory
