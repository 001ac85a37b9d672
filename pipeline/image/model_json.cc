#include "pipeline/image/model_json.h"

namespace scangate {

const nlohmann::json* JsonMembers::find(std::string_view key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

Result<std::string> JsonMembers::text(std::string_view key) const {
  const auto* value = find(key);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return wrong(key, "a string");
  return value->get<std::string>();
}

Result<std::int64_t> JsonMembers::integer(std::string_view key) const {
  const auto* value = find(key);
  if (value == nullptr) return 0;
  const auto number = json_int(object_, key);
  if (!number) return wrong(key, "an integer");
  return *number;
}

Result<Digest> JsonMembers::digest(std::string_view key) const {
  const auto* value = find(key);
  if (value == nullptr || !value->is_string()) return wrong(key, "a digest");
  auto digest = Digest::parse(value->get_ref<const std::string&>());
  if (!digest) return wrong(key, fmt::format("a digest: {}", digest.error().cause()));
  return digest;
}

Result<std::vector<std::string>> JsonMembers::texts(std::string_view key) const {
  std::vector<std::string> out;
  const auto* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong(key, "an array of strings");
  for (const auto& item : *value) {
    if (!item.is_string()) return wrong(key, "an array of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

Result<std::map<std::string, std::string>> JsonMembers::text_map(std::string_view key) const {
  std::map<std::string, std::string> out;
  const auto* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_object()) return wrong(key, "an object of strings");
  for (const auto& [name, item] : value->items()) {
    if (item.is_null()) continue;
    if (!item.is_string()) return wrong(key, "an object of strings");
    out.emplace(name, item.get<std::string>());
  }
  return out;
}

Result<std::vector<std::string>> JsonMembers::keys(std::string_view key) const {
  std::vector<std::string> out;
  const auto* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_object()) return wrong(key, "an object");
  for (const auto& [name, item] : value->items())
    out.push_back(name);
  return out;
}

}  // namespace scangate
