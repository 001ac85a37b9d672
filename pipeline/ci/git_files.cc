// The only file that includes libgit2.
#include <git2.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "base/text.h"
#include "pipeline/ci/config_files.h"

namespace scangate::ci {
namespace {

template <auto Release>
struct ReleaseWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    static_cast<void>(Release(handle));
  }
};
using GitRepository = std::unique_ptr<git_repository, ReleaseWith<git_repository_free>>;
using GitObject = std::unique_ptr<git_object, ReleaseWith<git_object_free>>;
using GitCommit = std::unique_ptr<git_commit, ReleaseWith<git_commit_free>>;
using GitTree = std::unique_ptr<git_tree, ReleaseWith<git_tree_free>>;
using GitTreeEntry = std::unique_ptr<git_tree_entry, ReleaseWith<git_tree_entry_free>>;
using GitBlob = std::unique_ptr<git_blob, ReleaseWith<git_blob_free>>;
using GitReference = std::unique_ptr<git_reference, ReleaseWith<git_reference_free>>;
using GitDiff = std::unique_ptr<git_diff, ReleaseWith<git_diff_free>>;
using GitConfig = std::unique_ptr<git_config, ReleaseWith<git_config_free>>;

// libgit2 keeps its text per thread until the next call.
Error git_error_now(Fault fault, std::string_view what) {
  const git_error* error = git_error_last();
  return Error(fault, fmt::format("{}: {}", what,
                                  error != nullptr && error->message != nullptr ? redact(printable(error->message))
                                                                                : "git gives no reason"));
}

Result<GitRepository> open_repository(const std::filesystem::path& path) {
  git_repository* raw = nullptr;
  const int code = git_repository_open_ext(&raw, path.c_str(), 0, nullptr);
  GitRepository repository(raw);
  if (code == GIT_EOWNER)
    return fail(Error(Fault::user, fmt::format("the git repository at {} belongs to another user", path.string()))
                    .remedy("run as its owner"));
  if (code != 0) return fail(git_error_now(Fault::user, fmt::format("no git repository at {}", path.string())));
  return repository;
}

Result<GitCommit> peel_to_commit(const git_object* object, const std::string& revision) {
  git_object* peeled = nullptr;
  if (git_object_peel(&peeled, object, GIT_OBJECT_COMMIT) != 0)
    return fail(git_error_now(Fault::user, fmt::format("'{}' is no commit", printable(revision))));
  return GitCommit(reinterpret_cast<git_commit*>(peeled));
}

// By name, then by object ID. git_revparse_single would take more ("HEAD~3", ":/text"), none of which a pipeline is
// started for.
Result<GitCommit> find_commit(git_repository* repository, const std::string& revision) {
  git_object* object = nullptr;
  git_reference* reference = nullptr;
  if (git_reference_dwim(&reference, repository, revision.c_str()) == 0) {
    const GitReference owned(reference);
    if (git_reference_peel(&object, reference, GIT_OBJECT_COMMIT) != 0)
      return fail(git_error_now(Fault::user, fmt::format("'{}' names no commit that is here", printable(revision))));
    return GitCommit(reinterpret_cast<git_commit*>(object));
  }
  git_oid oid = {};
  const bool is_id = revision.size() >= GIT_OID_MINPREFIXLEN && revision.size() <= GIT_OID_HEXSZ &&
                     git_oid_fromstrn(&oid, revision.data(), revision.size()) == 0;
  if (!is_id || git_object_lookup_prefix(&object, repository, &oid, revision.size(), GIT_OBJECT_ANY) != 0)
    return fail(Error(Fault::user, fmt::format("no commit '{}'", printable(revision)))
                    .remedy("give a branch, a tag, HEAD or a commit's ID"));
  const GitObject owned(object);
  return peel_to_commit(object, revision);
}

std::string hex(const git_oid* oid) {
  char text[GIT_OID_HEXSZ + 1] = {};
  git_oid_tostr(text, sizeof text, oid);
  return text;
}

class CommitFiles final : public ConfigFiles {
 public:
  CommitFiles(GitRepository repository, GitTree tree) : repository_(std::move(repository)), tree_(std::move(tree)) {}

  Result<std::optional<std::string>> read(std::string_view path) override { return read(std::string(path), 0); }

  Result<std::vector<std::string>> list() override {
    Listing listing;
    const auto visit = [](const char* folder, const git_tree_entry* entry, void* payload) {
      auto& out = *static_cast<Listing*>(payload);
      if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB) return 0;
      if (out.paths.size() == kMaxListedFiles) {
        out.too_many = true;
        return -1;
      }
      out.paths.push_back(std::string(folder) + git_tree_entry_name(entry));
      return 0;
    };
    const int code = git_tree_walk(tree_.get(), GIT_TREEWALK_PRE, visit, &listing);
    if (listing.too_many) return fail(Fault::user, fmt::format("the commit has more than {} files", kMaxListedFiles));
    if (code != 0) return fail(git_error_now(Fault::host, "cannot list the commit's files"));
    std::sort(listing.paths.begin(), listing.paths.end());
    return std::move(listing.paths);
  }

 private:
  struct Listing {
    std::vector<std::string> paths;
    bool too_many = false;
  };

  Result<std::optional<std::string>> read(const std::string& path, int links) {
    git_tree_entry* raw = nullptr;
    const int code = git_tree_entry_bypath(&raw, tree_.get(), path.c_str());
    const GitTreeEntry entry(raw);
    if (code == GIT_ENOTFOUND) return std::nullopt;
    if (code != 0) return fail(git_error_now(Fault::host, fmt::format("cannot look up {}", printable(path))));
    if (git_tree_entry_type(entry.get()) != GIT_OBJECT_BLOB) return std::nullopt;
    git_blob* raw_blob = nullptr;
    if (git_blob_lookup(&raw_blob, repository_.get(), git_tree_entry_id(entry.get())) != 0)
      return fail(git_error_now(Fault::host, fmt::format("cannot read {}", printable(path))));
    const GitBlob blob(raw_blob);
    const auto size = static_cast<std::size_t>(git_blob_rawsize(blob.get()));
    if (size > kMaxConfigFileBytes)
      return fail(Error(Fault::user, fmt::format("larger than {} bytes", kMaxConfigFileBytes)).at(printable(path)));
    std::string content(static_cast<const char*>(git_blob_rawcontent(blob.get())), size);
    if (git_tree_entry_filemode(entry.get()) != GIT_FILEMODE_LINK) return content;
    if (links > 0) return std::nullopt;
    const auto target = (std::filesystem::path(path).parent_path() / content).lexically_normal();
    if (target.is_absolute() || target.native().starts_with("..")) return std::nullopt;
    return read(target.string(), links + 1);
  }

  GitRepository repository_;
  GitTree tree_;
};

std::string iso_time(const git_signature* who) {
  const std::time_t local = static_cast<std::time_t>(who->when.time) + who->when.offset * 60;
  std::tm broken = {};
  if (gmtime_r(&local, &broken) == nullptr) return {};
  char text[40] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &broken);
  const int offset = std::abs(who->when.offset);
  return fmt::format("{}{}{:02}:{:02}", text, who->when.offset < 0 ? '-' : '+', offset / 60, offset % 60);
}

std::string short_name(git_repository* repository, const char* symbolic_ref, std::string_view prefix) {
  git_reference* raw = nullptr;
  if (git_reference_lookup(&raw, repository, symbolic_ref) != 0) return {};
  const GitReference reference(raw);
  const char* target = git_reference_symbolic_target(reference.get());
  if (target == nullptr || !std::string_view(target).starts_with(prefix)) return {};
  return std::string(target).substr(prefix.size());
}

bool has_branch(git_repository* repository, const char* name) {
  git_reference* raw = nullptr;
  const int code = git_branch_lookup(&raw, repository, name, GIT_BRANCH_LOCAL);
  const GitReference reference(raw);
  return code == 0;
}

std::string tag_at(git_repository* repository, const git_oid* commit) {
  git_strarray names = {};
  if (git_tag_list(&names, repository) != 0) return {};
  std::vector<std::string> sorted(names.strings, names.strings + names.count);
  git_strarray_dispose(&names);
  std::sort(sorted.begin(), sorted.end());
  for (const std::string& name : sorted) {
    git_reference* raw_reference = nullptr;
    if (git_reference_lookup(&raw_reference, repository, ("refs/tags/" + name).c_str()) != 0) continue;
    const GitReference reference(raw_reference);
    git_object* raw = nullptr;
    if (git_reference_peel(&raw, reference.get(), GIT_OBJECT_COMMIT) != 0) continue;  // a tag of something else
    const GitObject object(raw);
    if (git_oid_equal(git_object_id(object.get()), commit) != 0) return name;
  }
  return {};
}

// As configured. git_remote_lookup would apply `url.*.insteadOf`, which names a mirror and not the project, and in
// libgit2 1.5.1 leaks 20 kB for each pattern that does not match (seen with LeakSanitizer).
std::string origin_url(git_repository* repository) {
  git_config* raw = nullptr;
  if (git_repository_config_snapshot(&raw, repository) != 0) return {};
  const GitConfig config(raw);
  const char* url = nullptr;
  if (git_config_get_string(&url, config.get(), "remote.origin.url") != 0) return {};
  return url;
}

Result<std::vector<std::string>> changed_between(git_repository* repository, git_tree* from, git_tree* to) {
  git_diff* raw = nullptr;
  if (git_diff_tree_to_tree(&raw, repository, from, to, nullptr) != 0)
    return fail(git_error_now(Fault::host, "cannot compare with the parent commit"));
  const GitDiff diff(raw);
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < git_diff_num_deltas(diff.get()) && paths.size() < kMaxListedFiles; ++i) {
    const git_diff_delta* delta = git_diff_get_delta(diff.get(), i);
    paths.emplace_back(delta->new_file.path != nullptr ? delta->new_file.path : delta->old_file.path);
  }
  return paths;
}

}  // namespace

GitLibrary::GitLibrary(GitOwnerCheck owner_check) {
  git_libgit2_init();
  // A host's or user's gitconfig has no say in how a pipeline is read.
  for (const int level :
       {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_PROGRAMDATA})
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, owner_check == GitOwnerCheck::on ? 1 : 0);
}

GitLibrary::~GitLibrary() {
  git_libgit2_shutdown();
}

Result<std::unique_ptr<ConfigFiles>> files_of_commit(const std::filesystem::path& path, const std::string& revision) {
  SCANGATE_TRY(GitRepository repository, open_repository(path));
  SCANGATE_TRY(const GitCommit commit, find_commit(repository.get(), revision));
  git_tree* tree = nullptr;
  if (git_commit_tree(&tree, commit.get()) != 0)
    return fail(git_error_now(Fault::host, "cannot read the commit's tree"));
  return std::unique_ptr<ConfigFiles>(std::make_unique<CommitFiles>(std::move(repository), GitTree(tree)));
}

Result<CommitFacts> facts_of_commit(const std::filesystem::path& path, const std::string& revision) {
  SCANGATE_TRY(const GitRepository repository, open_repository(path));
  SCANGATE_TRY(const GitCommit commit, find_commit(repository.get(), revision));
  CommitFacts facts;
  facts.sha = hex(git_commit_id(commit.get()));
  facts.branch = short_name(repository.get(), "HEAD", "refs/heads/");
  facts.tag = tag_at(repository.get(), git_commit_id(commit.get()));
  facts.default_branch = short_name(repository.get(), "refs/remotes/origin/HEAD", "refs/remotes/origin/");
  if (facts.default_branch.empty()) {
    for (const char* name : {"main", "master"}) {
      if (facts.default_branch.empty() && has_branch(repository.get(), name)) facts.default_branch = name;
    }
  }
  if (const char* message = git_commit_message(commit.get())) facts.message = message;
  if (const git_signature* author = git_commit_author(commit.get()))
    facts.author = fmt::format("{} <{}>", author->name, author->email);
  if (const git_signature* committer = git_commit_committer(commit.get())) facts.timestamp = iso_time(committer);
  facts.origin_url = redact(origin_url(repository.get()));
  if (git_commit_parentcount(commit.get()) == 0) return facts;
  facts.parent_sha = hex(git_commit_parent_id(commit.get(), 0));
  git_commit* raw_parent = nullptr;
  // A clone of depth 1, as runners make it, names a parent it does not have: then what changed is not known.
  if (git_commit_parent(&raw_parent, commit.get(), 0) != 0) return facts;
  const GitCommit parent(raw_parent);
  git_tree* raw_tree = nullptr;
  git_tree* raw_parent_tree = nullptr;
  if (git_commit_tree(&raw_tree, commit.get()) != 0)
    return fail(git_error_now(Fault::host, "cannot read the commit's tree"));
  const GitTree tree(raw_tree);
  if (git_commit_tree(&raw_parent_tree, parent.get()) != 0)
    return fail(git_error_now(Fault::host, "cannot read the parent commit's tree"));
  const GitTree parent_tree(raw_parent_tree);
  SCANGATE_TRY(facts.changed_paths, changed_between(repository.get(), parent_tree.get(), tree.get()));
  return facts;
}

}  // namespace scangate::ci
