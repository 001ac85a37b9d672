#pragma once
// What a job leaves for later ones: the files of `artifacts:paths`, and the variables of `artifacts:reports:dotenv`.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/progress.h"
#include "pipeline/ci/pipeline.h"
#include "pipeline/image/store.h"

namespace scangate {

// GitLab's limits are 5 kB and 20 variables, which an instance can raise; its own server has 150.
inline constexpr std::size_t kMaxDotenvBytes = 64U << 10U;
inline constexpr std::size_t kMaxDotenvVariables = 150;

struct LocalArtifacts {
  std::optional<TempDir> folder;  // the files, as they lie in the project
  std::vector<std::pair<std::string, std::string>> variables;
};

// Takes them from a job's project when it has ended. `project_folder`: how the job saw `project`. Patterns that fit
// nothing are warned of, as the runner does. Errors: Fault::user for a pattern or a dotenv file that is none.
Result<LocalArtifacts> take_artifacts(const ci::Job& job, bool succeeded, const std::filesystem::path& project,
                                      const std::string& project_folder, Store& store, const Cancel& cancel,
                                      Progress& progress);

// Lines NAME=value, without quotes, comments or expansion. GitLab documentation, ci/yaml/artifacts_reports,
// "artifacts:reports:dotenv". `place` is for messages.
Result<std::vector<std::pair<std::string, std::string>>> parse_dotenv(std::string_view text, const std::string& place);

}  // namespace scangate
