#include "executor/settings/image_patterns.h"

#include <fnmatch.h>

namespace scangate {

bool matches_image(std::string_view image, const std::vector<std::string>& patterns) {
  for (const std::string_view prefix : {"docker.io/", "index.docker.io/", "library/"})
    if (image.starts_with(prefix)) image.remove_prefix(prefix.size());
  const std::string name(image.substr(0, image.find('@')));
  for (const auto& pattern : patterns)
    if (fnmatch(pattern.c_str(), name.c_str(), 0) == 0) return true;
  return false;
}

}  // namespace scangate
