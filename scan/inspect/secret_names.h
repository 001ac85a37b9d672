#pragma once
// Environment variables whose name and value together say that an image carries a secret.
#include <string_view>

namespace scangate {

// True for names such as DB_PASSWORD, API_TOKEN or AWS_SECRET_ACCESS_KEY.
bool is_secret_name(std::string_view name);

// False for values that only stand for a secret: empty ones, paths to a file, references, placeholders, and switches.
bool may_be_secret_value(std::string_view value);

}  // namespace scangate
