#pragma once
// The merged view of all layers: what is really there when the image runs.
#include <optional>
#include <string>
#include <vector>

#include "scan/model/package.h"

namespace scangate {

// Something that was seen but not understood: a truncated package database, a file over a cap. Never silently dropped;
// an incomplete inventory of OS packages makes the verdict undecided.
struct InventoryProblem {
  std::string path;
  std::size_t layer = 0;
  std::string cause;
  bool incomplete = false;  // packages may be missing because of it
};

// A file as the image checks need it (setuid, credentials). Paths relative to the root.
struct NotedFile {
  std::string path;
  std::size_t layer = 0;
  unsigned mode = 0;
};

struct Inventory {
  std::optional<OsRelease> os;         // absent: FROM scratch or a distribution-less image
  std::vector<Package> packages;       // sorted by type, name, version, architecture
  std::vector<NotedFile> noted_files;  // sorted by path
  std::vector<InventoryProblem> problems;
};

}  // namespace scangate
