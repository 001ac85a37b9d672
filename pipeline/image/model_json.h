#pragma once
// Typed reading of members with errors that name them. Private to this folder.
#include <map>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/json/json.h"

namespace scangate {

// A JSON object of a document and the path to it, for messages: "manifest.json: 'layers[2].size' must be …".
class JsonMembers {
 public:
  JsonMembers(const nlohmann::json& object, std::string_view place, std::string path)
      : object_(object), place_(place), path_(std::move(path)) {}

  tl::unexpected<Error> wrong(std::string_view key, std::string_view must) const {
    return fail(Error(Fault::user, fmt::format("'{}{}' must be {}", path_, key, must)).at(std::string(place_)));
  }
  const nlohmann::json& object() const { return object_; }
  const std::string& path() const { return path_; }

  // The member, or nullptr when it is missing or null: Go writes nil slices and maps as null.
  const nlohmann::json* find(std::string_view key) const;
  Result<std::string> text(std::string_view key) const;  // "" when missing
  Result<std::int64_t> integer(std::string_view key) const;
  Result<Digest> digest(std::string_view key) const;                   // required
  Result<std::vector<std::string>> texts(std::string_view key) const;  // [] when missing
  Result<std::map<std::string, std::string>> text_map(std::string_view key) const;
  Result<std::vector<std::string>> keys(std::string_view key) const;  // of an object, sorted

 private:
  const nlohmann::json& object_;
  std::string_view place_;
  std::string path_;
};

}  // namespace scangate
