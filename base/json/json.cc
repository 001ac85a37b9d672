#include "base/json/json.h"

namespace scangate {
namespace {

// SAX pass that builds nothing but the verdict on nesting; the DOM's own builder frees iteratively and is safe at any
// depth, but everything after it recurses.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

template <class Json>
std::string dump(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const nlohmann::json* member(const nlohmann::json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text, std::string_view name) {
  if (too_deep(text))
    return fail(
        Error(Fault::user, fmt::format("JSON is nested deeper than {} levels", kMaxJsonDepth)).at(std::string(name)));
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    std::string cause = error.what();
    if (const std::size_t end = cause.find("] "); end != std::string::npos) cause = cause.substr(end + 2);
    return fail(Error(Fault::user, "not valid JSON: " + cause).at(std::string(name)));
  }
}

std::string dump_json(const nlohmann::json& value, int indent) {
  return dump(value, indent);
}
std::string dump_json(const nlohmann::ordered_json& value, int indent) {
  return dump(value, indent);
}

std::string json_string(const nlohmann::json& object, std::string_view key, std::string_view otherwise) {
  const auto* value = member(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string(otherwise);
}

std::optional<std::int64_t> json_int(const nlohmann::json& object, std::string_view key) {
  const auto* value = member(object, key);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX) return std::nullopt;
  return value->get<std::int64_t>();
}

bool json_bool(const nlohmann::json& object, std::string_view key, bool otherwise) {
  const auto* value = member(object, key);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
}

const nlohmann::json& json_object(const nlohmann::json& object, std::string_view key) {
  static const nlohmann::json kEmpty = nlohmann::json::object();
  const auto* value = member(object, key);
  return value != nullptr && value->is_object() ? *value : kEmpty;
}

const nlohmann::json& json_array(const nlohmann::json& object, std::string_view key) {
  static const nlohmann::json kEmpty = nlohmann::json::array();
  const auto* value = member(object, key);
  return value != nullptr && value->is_array() ? *value : kEmpty;
}

}  // namespace scangate
