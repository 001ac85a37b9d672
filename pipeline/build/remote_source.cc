#include "pipeline/build/remote_source.h"

#include "base/text.h"
#include "pipeline/build/url_source.h"

namespace scangate::build {
namespace {

class GitRemote final : public RemoteSource {
 public:
  GitRemote(const RemoteHost& host, GitUrl url, const RemoteFlags& flags)
      : host_(host), url_(std::move(url)), options_(host.git), excludes_(flags.excludes) {
    if (flags.keep_git_folder) options_.git_folder = *flags.keep_git_folder ? GitFolder::kept : GitFolder::removed;
  }

  Result<std::string> identity() override {
    SCANGATE_CHECK(resolve());
    const bool keep = url_.keep_git_folder.value_or(options_.git_folder == GitFolder::kept);
    const bool modules = url_.submodules.value_or(options_.submodules == Submodules::fetched);
    return fmt::format("git {} {} {} {} {}", url_.remote, commit_->id, url_.subfolder, keep ? "keep" : "drop",
                       modules ? "modules" : "alone");
  }

  BuildMaterial material() const override { return git_material(url_, commit_ ? commit_->id : ""); }

  Result<std::vector<SelectedSource>> fetch() override {
    SCANGATE_CHECK(resolve());
    SCANGATE_TRY(folder_, host_.store.make_work_folder("git-"));
    SCANGATE_TRY(const GitTree tree,
                 fetch_git_source(url_, *commit_, folder_->path(), options_, *host_.runner, host_.cancel));
    SCANGATE_TRY(auto opened, SourceTree::open(tree.folder, "the git repository", {}));
    tree_.emplace(std::move(opened));
    SCANGATE_TRY(auto selection, select_sources(*tree_, ".", SelectRules{excludes_, false}, host_.cancel));
    return std::move(selection.sources);
  }

 private:
  Result<void> resolve() {
    if (commit_) return {};
    SCANGATE_TRY(commit_, resolve_git_source(url_, options_, *host_.runner, host_.cancel));
    return {};
  }

  const RemoteHost host_;
  GitUrl url_;
  GitSourceOptions options_;
  const dockerfile::IgnoreRules* excludes_;
  std::optional<GitCommit> commit_;
  std::optional<TempDir> folder_;
  std::optional<SourceTree> tree_;
};

bool is_web_url(std::string_view source) {
  return source.starts_with("http://") || source.starts_with("https://");
}

}  // namespace

bool is_remote(std::string_view source) {
  if (is_web_url(source)) return true;
  const auto git = parse_git_url(source);
  return !git || git->has_value();
}

Result<std::unique_ptr<RemoteSource>> make_remote_source(const RemoteHost& host, const std::string& address,
                                                         const RemoteFlags& flags) {
  SCANGATE_TRY(auto git, parse_git_url(address));
  if (!git) {
    if (host.transport == nullptr) return fail(Fault::host, "files cannot be downloaded here");
    return make_url_source(host, address, flags);
  }
  if (host.runner == nullptr) return fail(Fault::host, "git repositories cannot be fetched here");
  if (flags.checksum) {
    const std::string wanted = to_lower(*flags.checksum);
    if (wanted.empty() || wanted.size() > 64 || wanted.find_first_not_of("0123456789abcdef") != std::string::npos)
      return fail(Error(Fault::user, fmt::format("the checksum '{}' is not a commit id", printable(*flags.checksum)))
                      .remedy("for a git repository it is the commit, or how it begins"));
    if (!git->commit.empty() && git->commit != wanted)
      return fail(Fault::user, fmt::format("the address names commit {}, --checksum {}", git->commit, wanted));
    git->commit = wanted;
  }
  if (git->keep_git_folder && flags.keep_git_folder && *git->keep_git_folder != *flags.keep_git_folder)
    return fail(Fault::user, "the address and --keep-git-dir contradict each other");
  return std::make_unique<GitRemote>(host, std::move(*git), flags);
}

}  // namespace scangate::build
