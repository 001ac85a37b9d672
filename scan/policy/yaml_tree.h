#pragma once
// YAML as a plain tree with places; the only file of this folder that knows yaml-cpp is yaml_tree.cc.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace scangate {

// Room for a policy of thousands of exceptions; beyond it a file is refused before it is parsed (yaml-cpp reads some
// 3 MB/s).
inline constexpr std::size_t kMaxPolicyBytes = 1U << 20U;
// Aliases multiply nodes: a text of 330 bytes can stand for 12 million.
inline constexpr std::size_t kMaxPolicyNodes = 100'000;
inline constexpr int kMaxPolicyDepth = 32;

struct YamlNode {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text;             // scalar
  std::vector<YamlNode> items;  // list
  struct Entry;
  std::vector<Entry> entries;  // map, in the order of the file, keys unique
  std::string place;           // "policy.yaml:3:7"

  const YamlNode* find(std::string_view key) const;
};
struct YamlNode::Entry {
  std::string key;
  std::string place;
  YamlNode value;
};

// One document. Errors: Fault::user, "place: cause".
Result<YamlNode> parse_yaml_tree(std::string_view text, std::string_view place);

}  // namespace scangate
