#pragma once
// The contexts that `--build-context` named, as long as a build lasts.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/build/build.h"
#include "pipeline/build/file_digests.h"
#include "pipeline/build/file_source.h"
#include "pipeline/build/source_tree.h"
#include "pipeline/dockerfile/stages.h"

namespace scangate::build {

// The rules of the first of `candidates` that exists; none is fine.
Result<dockerfile::IgnoreRules> read_ignore_rules(SourceTree& tree, const std::vector<std::string>& candidates);

// For the names in a Dockerfile; the request outlives it.
dockerfile::ContextLookup context_lookup(const BuildRequest& request);

// Thread-safe as its parts are.
class NamedContexts {
 public:
  // Opens every folder, each with its own .dockerignore, as BuildKit has it. The request and the store outlive it.
  // Errors: Fault::user for a name that is none or comes twice; those of the folders.
  static Result<NamedContexts> open(const BuildRequest& request, Store& store);
  // By its own name.
  const NamedContext* find(std::string_view name) const;
  // Of one that is a folder.
  ContextFiles files(const NamedContext& named) const;
  // What was learned of the files, for later builds.
  Result<void> save();

 private:
  struct Opened {
    Opened(SourceTree from, Store& store) : tree(std::move(from)), digests(store, tree.identity()) {}
    SourceTree tree;
    FileDigests digests;
  };
  explicit NamedContexts(const BuildRequest& request) : request_(&request) {}
  const BuildRequest* request_;
  std::map<std::string, std::unique_ptr<Opened>, std::less<>> folders_;
};

}  // namespace scangate::build
