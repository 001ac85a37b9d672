#pragma once
// Lists of images made by hand: an index in the store under its name, and what joins it. Images are brought into the
// store when they join: so a push can scan each of them.
#include <optional>
#include <string>
#include <vector>

#include "executor/gate/image_commands.h"

namespace scangate {

// Of an index that joins a list: all its entries, or the one for this host's platform.
enum class Take { one_platform, all };
// Where a name without a transport is looked for first.
enum class LookIn { registry, store_first };

// Adds the entry, in the place of one of the same digest.
void put_entry(ImageIndex& index, Descriptor entry);
// Docker's media type where all in it is Docker's, else OCI's, which every registry takes by now.
void set_list_type(ImageIndex& index);

// Used by one thread; `images` and `call` outlive it. Errors: Fault::user for what is not there or no list, and those
// of the registry.
class ImageLists {
 public:
  ImageLists(ImageCommands& images, GateCall& call) : images_(images), call_(call) {}

  // nullopt: no such name, or no list behind it.
  Result<std::optional<ImageIndex>> find(const Reference& name) const;
  // The same, where its absence is an Error.
  Result<ImageIndex> get(const Reference& name) const;
  // Into the store, without a name. Errors also: Fault::user beyond kMaxIndexEntries.
  Result<Digest> put(ImageIndex& index);
  Result<Digest> keep(const Reference& name, ImageIndex& index);
  // What `written` leads to, whole in the store.
  Result<Digest> bring(const std::string& written, Take take, LookIn where);
  // The same as entries of a list.
  Result<std::vector<Descriptor>> entries(const std::string& written, Take take, LookIn where);

 private:
  ImageCommands& images_;
  GateCall& call_;
};

}  // namespace scangate
