#pragma once
// A YAML document as a tree of values that each know where they stand, so that each message about them can name file,
// line and column. Plain data: no type of the YAML library is in it.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::yaml {

// Where something was written. `line` and `column` count from 1; line 0 means the file as a whole. Cheap to copy.
struct Place {
  std::shared_ptr<const std::string> file;
  int line = 0;
  int column = 0;

  std::string file_name() const { return file ? *file : std::string(); }
  // ".gitlab-ci.yml:12:10", or the file alone when the line is unknown.
  std::string str() const;
};

// A Fault::user Error at that place.
Error error_at(const Place& place, std::string cause);

// Members of one map. Twice the jobs a pipeline may have, for hidden ones; it keeps linear look-ups cheap.
inline constexpr std::size_t kMaxMapEntries = 10'000;

struct Entry;

struct Value {
  // `reference` is GitLab's `!reference [job, key]`; its items are the path.
  enum class Kind : std::uint8_t { null, boolean, integer, real, string, list, map, reference };

  Kind kind = Kind::null;
  Place place;
  // Scalars: the text of the typed value ("true" for yes, "10" for 012). Empty for null, list and map.
  std::string text;
  std::string written;         // a scalar as it stands in the file, where that is not `text`: "012", "1.10"
  std::vector<Value> items;    // list, reference
  std::vector<Entry> entries;  // map, in the order written; keys are unique

  bool is_null() const { return kind == Kind::null; }
  bool is_map() const { return kind == Kind::map; }
  bool is_list() const { return kind == Kind::list; }
  bool is_string() const { return kind == Kind::string; }
  bool is_bool() const { return kind == Kind::boolean; }
  bool is_true() const { return is_bool() && text == "true"; }
  bool is_integer() const { return kind == Kind::integer; }
  bool is_scalar() const { return kind >= Kind::boolean && kind <= Kind::string; }

  // For what only looks like a number: a version "1.10".
  const std::string& as_written() const { return written.empty() ? text : written; }

  // The member of a map, null pointer when absent or when this is no map. Linear.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  // Like find, but a member that is `null` counts as absent: `key: null` removes what was inherited.
  const Value* get(std::string_view key) const;
  // Replaces the member or appends it.
  void set(std::string key, const Place& key_place, Value value);
  void erase(std::string_view key);

  // "a list", "a string", …: for "expected a map, found …".
  std::string_view kind_name() const;
  // Nodes in this tree, itself included.
  std::size_t node_count() const;
};

struct Entry {
  std::string key;
  Place key_place;
  Value value;
};

// What is left to spend on one set of documents. Aliases, `!reference`, `extends` and includes copy trees, and copies
// of copies grow exponentially: a file of 330 bytes can stand for 12 million nodes.
class Budget {
 public:
  // Large real configurations resolve to some ten thousand nodes; this leaves 50x room and bounds memory to about 200
  // MB.
  static constexpr std::size_t kMaxNodes = 1'000'000;
  // Text made by expanding variables, all jobs together. A pipeline of 1000 jobs with 100 kB of variables each fits.
  static constexpr std::size_t kMaxExpandedBytes = 256U << 20U;
  explicit Budget(std::size_t nodes = kMaxNodes, std::size_t bytes = kMaxExpandedBytes)
      : most_nodes_(nodes), most_bytes_(bytes), nodes_(nodes), bytes_(bytes) {}
  // Takes `nodes` off, or fails at `place`.
  Result<void> spend(std::size_t nodes, const Place& place);
  Result<void> spend_bytes(std::size_t bytes, const Place& place);

 private:
  std::size_t most_nodes_;
  std::size_t most_bytes_;
  std::size_t nodes_;
  std::size_t bytes_;
};

}  // namespace scangate::yaml
