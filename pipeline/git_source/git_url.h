#pragma once
// Addresses of git repositories as ADD and build contexts write them: "https://host/x.git#ref:folder",
// "git@host:path", "ssh://…", "git://…", and the query form "?ref=…&subdir=…". Dockerfile reference, "Adding files from
// a Git repository"; `docker buildx build`, "Git repositories".
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace scangate {

// RFC 9110 section 4.1 asks for 8,000 bytes to be understood; no repository has more.
inline constexpr std::size_t kMaxGitUrlBytes = 8'000;

struct GitUrl {
  std::string remote;    // what git is told, without credentials, fragment and query
  std::string user;      // credentials of an http(s) URL, percent-decoded: secrets, never printed
  std::string password;  // may be the only one of the two
  std::string ref;       // branch, tag, full ref or commit; empty: the remote's HEAD
  std::string subfolder;
  std::string commit;                   // ?commit= or ?checksum=: what the ref must stand for, or the beginning of it
  std::optional<bool> keep_git_folder;  // ?keep-git-dir=
  std::optional<bool> submodules;       // ?submodules=
  // "host" or "host:port" of the remote, for credentials; empty for file://.
  std::string host() const;
  // Without credentials, for messages and keys.
  std::string str() const;
};

// Whether "github.com/owner/name" without a scheme counts, as it does for contexts but not for ADD.
enum class GitShorthand { refused, allowed };

// nullopt: not a git address (an http(s) URL whose path does not end in ".git" is a plain download). Errors:
// Fault::user without place for what looks like one but is malformed.
Result<std::optional<GitUrl>> parse_git_url(std::string_view text, GitShorthand shorthand = GitShorthand::refused);

}  // namespace scangate
