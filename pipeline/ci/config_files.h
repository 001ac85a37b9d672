#pragma once
// Where configuration files come from: the commit (so that what a job changes in the work tree cannot change the plan)
// or a folder. Tests have one in memory.
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scangate::ci {

// Largest file read. Configuration is capped lower still, by yaml::kMaxBytes.
inline constexpr std::size_t kMaxConfigFileBytes = 4U << 20U;
// Entries listed of a repository, for globs and `exists:`. The Linux kernel has 90,000 files; beyond this it is an
// Error.
inline constexpr std::size_t kMaxListedFiles = 1'000'000;

// Read-only files by their path from the root of the repository, without a leading slash. Not for use by two threads at
// once.
class ConfigFiles {
 public:
  virtual ~ConfigFiles() = default;
  // The content, or nothing when there is no such regular file. Fault::user when it is too large, Fault::host when it
  // cannot be read.
  virtual Result<std::optional<std::string>> read(std::string_view path) = 0;
  // Every regular file (and symlink) in the repository, sorted bytewise.
  virtual Result<std::vector<std::string>> list() = 0;
};

// The files below `root` as they lie there. Symlinks and ".." resolve inside the root; `.git` is not listed.
Result<std::unique_ptr<ConfigFiles>> files_of_directory(const std::filesystem::path& root);

// The files of one commit.
// `repository`: a work tree, a folder in it, or a bare repository. `revision`: a branch, a tag, "HEAD" or a commit's ID, also
// abbreviated. Symlinks in the tree are followed within the tree, one level.
// Errors: Fault::user for no repository or no such revision; Fault::host when objects cannot be read.
// A GitLibrary must be alive.
Result<std::unique_ptr<ConfigFiles>> files_of_commit(const std::filesystem::path& repository,
                                                     const std::string& revision);

// Facts of a commit, for the predefined variables. Fields git does not know are empty.
struct CommitFacts {
  std::string sha;     // 40 lower-case hex digits
  std::string branch;  // checked out, or empty when HEAD is detached
  std::string tag;     // a tag on this commit, the first by name
  std::string default_branch;
  std::string message;
  std::string author;     // "Name <mail>"
  std::string timestamp;  // ISO 8601, the committer's
  std::string parent_sha;
  std::string origin_url;  // of the remote `origin`, without credentials
  // Paths changed against the first parent; nothing for a commit without one.
  std::optional<std::vector<std::string>> changed_paths;
};
Result<CommitFacts> facts_of_commit(const std::filesystem::path& repository, const std::string& revision);

// Holds libgit2 initialised, with the host's and user's git configuration out of reach. GitOwnerCheck::off skips
// libgit2's refusal of repositories that another user owns: set it only for a job's own checkout, which the runner
// made. Make one before threads start.
enum class GitOwnerCheck { on, off };
class GitLibrary {
 public:
  explicit GitLibrary(GitOwnerCheck owner_check);
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
  ~GitLibrary();
};

}  // namespace scangate::ci
