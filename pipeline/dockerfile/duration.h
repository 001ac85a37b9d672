#pragma once
// Go's duration notation, which HEALTHCHECK uses: "1h30m", "1.5s", "300ms".
#include <chrono>
#include <optional>
#include <string_view>

namespace scangate::dockerfile {

// nullopt when it is not one, is negative, or does not fit in 64 bits of nanoseconds. pkg.go.dev/time#ParseDuration.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace scangate::dockerfile
