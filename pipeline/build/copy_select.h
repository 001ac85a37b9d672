#pragma once
// The first half of COPY and ADD: which files the sources name. Knows nothing of where they go.
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "pipeline/build/file_digests.h"
#include "pipeline/build/source_tree.h"

namespace scangate::build {

// The layer writer's cap on entries, and thus on what one instruction may select.
inline constexpr std::size_t kMaxSelectedItems = 2'000'000;
inline constexpr int kMaxFolderDepth = 1'000;  // deeper paths exceed PATH_MAX anyway

struct SelectedItem {
  std::string relative;  // to the source; "" is the source itself
  TreeItem item;         // of a folder with rules that ignore it but keep things below: emitted as their parent
};

struct SelectedSource {
  std::string name;                 // what it is called below a destination folder
  bool is_folder = false;           // its content is copied, not itself
  std::vector<SelectedItem> items;  // parents before children, sorted
  std::optional<std::string> text;  // a heredoc: no items then
  SourceTree* tree = nullptr;       // that the items are in
  bool may_unpack = false;          // ADD: an archive is unpacked instead of copied
};

enum class Found { some, none };  // none: a pattern that matches nothing, which is allowed

struct Selection {
  std::vector<SelectedSource> sources;
  Found found = Found::some;
};

struct SelectRules {
  // --exclude: rules as in .dockerignore, on paths below each source that is a folder, and on the path and the name of
  // one that is a file. Dockerfile reference, "COPY --exclude".
  const dockerfile::IgnoreRules* excludes = nullptr;
  bool parents = false;  // --parents
};

// Sources of one word: a path, or a pattern (filepath.Match, each component by itself). A source that is a link is
// followed inside the tree. With --parents the word is a pattern with `**` for paths below what stands before "/./" (or
// the root), links are not followed, and the one source for each such folder holds what matches with its parents.
// Errors: Fault::user without place: not there (and whether an ignore rule hid it), outside of the tree, a bad pattern.
Result<Selection> select_sources(SourceTree& tree, const std::string& word, const SelectRules& rules,
                                 const Cancel& cancel);

// The word that means exactly this path: select_sources() takes nothing in it for a pattern.
std::string literal_source(std::string_view path);

// What a cache key needs of the selection: names, types, modes, links and content, not times and not owners (the
// context's are not copied). Reads files whose digests are not known. All sources are of `tree` or heredocs.
Result<Digest> selection_digest(SourceTree& tree, const std::vector<const SelectedSource*>& sources,
                                FileDigests& digests, const Cancel& cancel);
Result<Digest> selection_digest(SourceTree& tree, const std::vector<SelectedSource>& sources, FileDigests& digests,
                                const Cancel& cancel);

}  // namespace scangate::build
