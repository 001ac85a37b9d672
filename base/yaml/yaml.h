#pragma once
// YAML text to located values. YAML 1.1, as GitLab's server reads it (Ruby's Psych).
#include <string_view>
#include <vector>

#include "base/yaml/value.h"

namespace scangate::yaml {

// GitLab's own limit for one file (max_yaml_size_bytes).
inline constexpr std::size_t kMaxBytes = 2U << 20U;
// Nested deeper is refused; GitLab allows 100 by default (max_yaml_depth), and later steps recurse over the tree.
inline constexpr int kMaxDepth = 100;
// A header and a configuration are two; more than this has no meaning to GitLab.
inline constexpr std::size_t kMaxDocuments = 10;

enum class Dialect {
  plain,
  gitlab,  // knows the tag !reference
};

// All documents of `text`. Anchors, aliases and merge keys (`<<`) are resolved; an explicit key wins over a merged one.
// Scalars are typed as GitLab's YAML 1.1 reader does: yes/no/on/off are booleans, 012 is ten, "012" is text; anything
// quoted is text. Errors, all Fault::user with file:line:column: bad syntax, duplicate keys, an alias inside its own
// anchor, too deep, too large, unknown tags.
Result<std::vector<Value>> read(std::string_view text, std::string_view file_name, Budget& budget,
                                Dialect dialect = Dialect::plain);

}  // namespace scangate::yaml
