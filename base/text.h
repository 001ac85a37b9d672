#pragma once
// Small text rules used in messages and reports.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scangate {

// Hides credentials in a URL ("https://user:pass@host" -> "https://***@host") and the values of query parameters that
// carry tokens.
std::string redact(std::string_view url_or_text);

// The candidate most like `word` (edit distance at most a third of the longer of the two), for "did you mean".
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

// Bytes from images are not always UTF-8: invalid sequences become U+FFFD, control characters except \t and \n become
// \xNN.
std::string printable(std::string_view bytes);
bool is_utf8(std::string_view bytes);

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
// "1.5 MB" with decimal units, for people.
std::string human_bytes(std::uint64_t size_bytes);

}  // namespace scangate
