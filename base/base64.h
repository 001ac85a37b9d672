#pragma once
// RFC 4648, section 4.
#include <optional>
#include <string>
#include <string_view>

namespace scangate {

std::string base64_encode(std::string_view bytes);
// Padding may be missing; nullopt for anything else that is not base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace scangate
