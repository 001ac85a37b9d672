#pragma once
// Files in memory, for tests of the configuration.
#include <map>
#include <string>
#include <vector>

#include "pipeline/ci/config_files.h"

namespace scangate::ci {

class MemoryFiles final : public ConfigFiles {
 public:
  MemoryFiles() = default;
  explicit MemoryFiles(std::string root) { files[".gitlab-ci.yml"] = std::move(root); }

  Result<std::optional<std::string>> read(std::string_view path) override {
    asked.emplace_back(path);
    const auto found = files.find(path);
    if (found == files.end()) return std::nullopt;
    return found->second;
  }
  Result<std::vector<std::string>> list() override {
    std::vector<std::string> paths;
    for (const auto& [path, text] : files)
      paths.push_back(path);
    return paths;
  }

  std::map<std::string, std::string, std::less<>> files;
  std::vector<std::string> asked;
};

}  // namespace scangate::ci
