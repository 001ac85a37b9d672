#pragma once
// Sizes as docker and its kin take them on command lines and in Dockerfiles.
#include <cstdint>
#include <optional>
#include <string_view>

namespace scangate {

// "64m", "1.5g", "512", "10MiB", "1gb": bytes without a letter; letters are powers of 1024, in either case. nullopt for
// anything else and for what does not fit.
std::optional<std::uint64_t> parse_byte_size(std::string_view text);

}  // namespace scangate
