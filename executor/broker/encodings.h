#pragma once
// The forms in which a job's script, files and requests may write one value.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scangate {

// Pairs of the same encodings of both texts, each pair once: as it is, in shell quotes of bash ($'…') and of POSIX
// ('…') once and twice (the runner quotes each value, and then the whole script for eval), in JSON, in a URL, in
// base64, and in base64 behind "user:" for each of `users`.
std::vector<std::pair<std::string, std::string>> encodings_of(std::string_view value, std::string_view placeholder,
                                                              const std::vector<std::string>& users);

}  // namespace scangate
