#include "base/yaml/value.h"

#include <algorithm>

namespace scangate::yaml {

std::string Place::str() const {
  if (line == 0) return file_name();
  return fmt::format("{}:{}:{}", file_name(), line, column);
}

Error error_at(const Place& place, std::string cause) {
  return Error(Fault::user, std::move(cause)).at(place.str());
}

const Value* Value::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

Value* Value::find(std::string_view key) {
  return const_cast<Value*>(static_cast<const Value*>(this)->find(key));
}

const Value* Value::get(std::string_view key) const {
  const Value* found = find(key);
  return found != nullptr && found->is_null() ? nullptr : found;
}

void Value::set(std::string key, const Place& key_place, Value value) {
  if (Value* old = find(key)) {
    *old = std::move(value);
    return;
  }
  entries.push_back({std::move(key), key_place, std::move(value)});
}

void Value::erase(std::string_view key) {
  std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; });
}

std::string_view Value::kind_name() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
    case Kind::real:
      return "a number";
    case Kind::string:
      return "a string";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
    case Kind::reference:
      return "a !reference";
  }
  return "nothing";
}

std::size_t Value::node_count() const {
  std::size_t count = 1;
  for (const Value& item : items)
    count += item.node_count();
  for (const Entry& entry : entries)
    count += entry.value.node_count();
  return count;
}

Result<void> Budget::spend(std::size_t nodes, const Place& place) {
  if (nodes > nodes_) {
    nodes_ = 0;
    return fail(error_at(place, fmt::format("the configuration grows beyond {} values here", most_nodes_))
                    .remedy("remove aliases, references or includes that repeat each other"));
  }
  nodes_ -= nodes;
  return {};
}

Result<void> Budget::spend_bytes(std::size_t bytes, const Place& place) {
  if (bytes > bytes_) {
    bytes_ = 0;
    return fail(error_at(place, fmt::format("the jobs' variables together expand to more than {} bytes", most_bytes_)));
  }
  bytes_ -= bytes;
  return {};
}

}  // namespace scangate::yaml
