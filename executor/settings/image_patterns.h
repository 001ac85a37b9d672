#pragma once
// Which images of a job the host serves by itself.
#include <string>
#include <string_view>
#include <vector>

namespace scangate {

// True when `image` matches one of the settings' patterns: fnmatch(3), '*' across '/' too; a pattern without a tag
// matches the bare name only. Docker Hub's own prefixes and a digest of `image` do not count.
bool matches_image(std::string_view image, const std::vector<std::string>& patterns);

}  // namespace scangate
