#pragma once
// Copies of a project's files, to give each job one of its own and to hand on what it made.
#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace scangate {

// Files of one project or one job's artifacts; a checkout of the Linux kernel has 90,000. Beyond it the tree is an
// accident, such as a project folder that is the whole disk.
inline constexpr std::size_t kMaxTreeFiles = 1'000'000;

// Everything below `from` but `skipped`: files, folders, symlinks as symlinks; sockets and devices are left out. `to`
// is made. Errors: Fault::host, also on cancel.
Result<void> copy_tree(const std::filesystem::path& from, const std::filesystem::path& to,
                       const std::filesystem::path& skipped, const Cancel& cancel);

// `artifacts:paths` and `exclude` of a job: patterns relative to the project, or below `project_folder`, which is how
// the job sees it. GitLab documentation, ci/yaml, "artifacts:paths".
struct FilePatterns {
  std::vector<std::string> paths;
  std::vector<std::string> exclude;
  std::string project_folder;
};
struct TakenFiles {
  std::size_t files = 0;
  std::vector<std::string> unmatched;  // patterns that no file fits, as written
};
// Copies what fits from `project` to `to`, which is made. A folder that fits brings everything in it; `.git` is never
// taken. Errors: Fault::user for a pattern that is none.
Result<TakenFiles> take_files(const std::filesystem::path& project, const FilePatterns& patterns,
                              const std::filesystem::path& to, const Cancel& cancel);

// Puts the tree `from` over the files of `project`. Every name is opened inside it, so that a symlink of the project
// cannot lead a file elsewhere.
Result<void> put_files(const std::filesystem::path& from, const std::filesystem::path& project, const Cancel& cancel);

}  // namespace scangate
