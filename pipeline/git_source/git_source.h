#pragma once
// A work tree of one commit of a remote repository, made by the program `git`: for ADD and build contexts. Nothing of
// the repository or of the host's git configuration is run: no hooks, no filters, no prompts, no helpers.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/process.h"
#include "pipeline/git_source/git_url.h"

namespace scangate {

enum class FileRemotes { refused, allowed };  // file://: only where the caller owns every path, as tests do
enum class GitFolder { removed, kept };
enum class Submodules { skipped, fetched };

// Where git speaks from, when not from our own network.
struct GitNetwork {
  int namespace_fd = -1;                   // for setns(2); open as long as the call lasts
  std::optional<std::string> resolv_conf;  // the text of /etc/resolv.conf there; absent: the host's
};

struct GitSourceOptions {
  FileRemotes file_remotes = FileRemotes::refused;
  GitFolder git_folder = GitFolder::removed;  // `--keep-git-dir`; the address may say so, too
  Submodules submodules = Submodules::fetched;
  // "NAME=value": PATH to find git and ssh, proxies; of these and PATH alone something is passed on.
  std::vector<std::string> environment;
  std::filesystem::path ca_bundle;    // for https; empty: the system's
  std::filesystem::path ssh_agent;    // socket of an ssh agent; empty: no keys at all
  std::filesystem::path known_hosts;  // empty: the host's /etc/ssh/ssh_known_hosts
  std::optional<GitNetwork> network;
  std::chrono::milliseconds timeout{1800'000};  // of each of git's commands: a hanging server ends the build
  // Of a commit's files together, and of each file that git writes, packs among them. Submodules are held to the
  // latter.
  std::uint64_t max_bytes = 16ULL << 30U;
};

struct GitTree {
  std::filesystem::path folder;  // the wanted files: the work tree, or the subfolder in it
  std::string commit;            // full id, lower-case hex
  std::string ref;               // full name ("refs/heads/main"), empty when a commit was asked for
};

struct GitCommit {
  std::string id;
  std::string ref;  // as in GitTree
  std::string tag;  // id of an annotated tag's own object; empty otherwise
};

// What the address stands for now, without fetching (one `git ls-remote`; none for a full commit id): the key of a
// cached copy. Branches win over tags of the same name, as with `git checkout`. Errors: Fault::user for a ref that is
// not there or is not the wanted commit; Fault::remote (worth retrying) when the server did not answer as git wants,
// with git's own words; Fault::host without a program `git`. Thread-safe.
Result<GitCommit> resolve_git_source(const GitUrl& url, const GitSourceOptions& options, ProcessRunner& runner,
                                     const Cancel& cancel);

// Makes the work tree in `folder`, which exists and is empty; the caller removes it. Shallow where the server lets us.
// All files get the commit's time, so that the same commit gives the same layer; modes are 0644, 0755 whatever the
// umask. Errors: as above, and Fault::user for a subfolder that is not there
// or a commit beyond max_bytes.
Result<GitTree> fetch_git_source(const GitUrl& url, const std::filesystem::path& folder,
                                 const GitSourceOptions& options, ProcessRunner& runner, const Cancel& cancel);
// The same, of a commit that resolve_git_source gave.
Result<GitTree> fetch_git_source(const GitUrl& url, const GitCommit& commit, const std::filesystem::path& folder,
                                 const GitSourceOptions& options, ProcessRunner& runner, const Cancel& cancel);

}  // namespace scangate
