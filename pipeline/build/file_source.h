#pragma once
// Where COPY, ADD and the mounts of RUN find files: the context, another stage, another image.
#include <optional>
#include <string>
#include <vector>

#include "pipeline/build/file_digests.h"
#include "pipeline/build/source_tree.h"
#include "pipeline/dockerfile/stages.h"
#include "pipeline/image/snapshot.h"

namespace scangate::build {

struct BuildWork;

// A context, and what is known of its files.
struct ContextFiles {
  SourceTree* tree = nullptr;
  FileDigests* digests = nullptr;
};

// The tree of another image is mounted only when its files are needed.
struct FileSource {
  dockerfile::BaseKind kind = dockerfile::BaseKind::image;  // of --from
  bool from_context = true;                                 // the build's own or a named one
  ContextFiles context;                                     // then
  std::string identity;                                     // of another image's file system, for keys
  std::vector<DiffId> chain;                                // its layers
  std::string what;                                         // "stage 'build'"
  std::optional<Workspace> workspace;
  std::optional<SourceTree> opened;

  Result<SourceTree*> tree(BuildWork& work);
};

}  // namespace scangate::build
