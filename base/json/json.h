#pragma once
// The one way JSON text comes in and goes out. Include in .cc files only: the header costs 1.5 s a unit.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate {

// Deeper documents are refused: nlohmann's copy and dump recurse, and nothing we read is nested half as deep.
inline constexpr int kMaxJsonDepth = 200;

// Parses a complete document. `name` is the place in errors (a path or URL). Fault::user on a syntax error or too deep
// nesting. The text's size is the caller's to cap.
Result<nlohmann::json> parse_json(std::string_view text, std::string_view name);

// Text in which invalid UTF-8 is replaced instead of thrown upon. `indent` -1 is compact.
std::string dump_json(const nlohmann::json& value, int indent = -1);
std::string dump_json(const nlohmann::ordered_json& value, int indent = -1);

// Look-ups that treat a missing key and a wrong type alike: hostile documents are full of both.
std::string json_string(const nlohmann::json& object, std::string_view key, std::string_view otherwise = "");
std::optional<std::int64_t> json_int(const nlohmann::json& object, std::string_view key);
bool json_bool(const nlohmann::json& object, std::string_view key, bool otherwise = false);
// The member when it is an object or array, else an empty one that lives for ever.
const nlohmann::json& json_object(const nlohmann::json& object, std::string_view key);
const nlohmann::json& json_array(const nlohmann::json& object, std::string_view key);

}  // namespace scangate
