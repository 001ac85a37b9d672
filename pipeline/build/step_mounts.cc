#include "pipeline/build/step_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "pipeline/build/bind_copy.h"
#include "pipeline/build/stage_builder.h"

namespace scangate::build {
namespace fs = std::filesystem;
using Kind = Workspace::PointKind;
namespace {

bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

Kind kind_of(const FoundMount& found) {
  switch (found.mount.type) {
    case MountType::secret:
    case MountType::ssh:
      return Kind::file;
    case MountType::bind:
      if (found.selected && !found.selected->is_folder) return Kind::file;
      break;
    case MountType::cache:
    case MountType::tmpfs:
      break;
  }
  return Kind::directory;
}

// Something to mount on, inside the source of another mount: what is read-only in the sandbox, nobody can make there.
Result<void> make_stub(const fs::path& folder, const std::string& below, Kind kind) {
  SCANGATE_TRY(const UniqueFd root, open_file(folder, O_RDONLY | O_DIRECTORY));
  for (std::size_t end = below.find('/');; end = below.find('/', end + 1)) {
    const std::string path = below.substr(0, end);
    const bool last = end == std::string::npos;
    SCANGATE_TRY(const UniqueFd parent,
                 open_in_root(root.get(), "./" + std::string(parent_path(path)), O_PATH | O_DIRECTORY));
    const std::string name(base_name(path));
    if (last && kind == Kind::file) {
      const UniqueFd file(::openat(parent.get(), name.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
      if (!file && errno != EISDIR && errno != ELOOP)
        return fail(host_error("cannot make the mount point " + path, errno));
    } else if (::mkdirat(parent.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
      return fail(host_error("cannot make the mount point " + path, errno));
    }
    if (last) return {};
  }
}

Result<void> make_stubs(const fs::path& folder, const std::string& target, const std::vector<FoundMount>& all) {
  for (const FoundMount& other : all)
    if (is_below(other.mount.target, target))
      SCANGATE_CHECK(make_stub(folder, other.mount.target.substr(target.size() + 1), kind_of(other)));
  return {};
}

Error not_there(const FoundMount& found, std::string_view what) {
  return {Fault::user, fmt::format("'{}' is not in {}", printable(found.mount.source), what)};
}

}  // namespace

Result<StepMounts::Bound> StepMounts::bind_context(BuildWork& work, const FoundMount& found, bool own) {
  Bound bound{.path = {}, .kind = kind_of(found)};
  std::shared_ptr<TempDir> copy = own ? nullptr : work.bound_copies.find(found.content);
  if (!copy) {
    SCANGATE_TRY(auto folder, work.host.store->make_work_folder("bind"));
    copy = std::make_shared<TempDir>(std::move(folder));
    SCANGATE_CHECK(copy_selected(*found.source->context.tree, *found.selected, copy->path() / "content",
                                 CopyOwners::root, work.cancel));
    if (!own) work.bound_copies.keep(found.content, copy);
  }
  bound.path = copy->path() / "content";
  copies_.push_back(std::move(copy));
  return bound;
}

Result<StepMounts::Bound> StepMounts::bind_image(BuildWork& work, FoundMount& found, bool own) {
  FileSource& source = *found.source;
  SCANGATE_TRY(SourceTree * tree, source.tree(work));
  // Nobody else writes to this mount, so no part of the resolved path becomes a link before it is bound.
  SCANGATE_TRY(const std::string path, resolve_path(*tree, found.mount.source));
  SCANGATE_TRY(const auto node, tree->node(path));
  if (!node) return fail(not_there(found, source.what));
  if (node->type != EntryType::directory && node->type != EntryType::file)
    return fail(Fault::user,
                fmt::format("'/{}' in {} is neither a file nor a folder", printable(found.mount.source), source.what));
  Bound bound{.path = {}, .kind = node->type == EntryType::directory ? Kind::directory : Kind::file};
  if (own) {
    SCANGATE_TRY(auto workspace, work.host.snapshots->mount(source.chain, work.cancel, work.progress));
    bound.path = workspace.root() / path;
    workspaces_.push_back(std::move(workspace));
  } else {
    bound.path = source.workspace->root() / path;
  }
  return bound;
}

Result<void> StepMounts::take_caches(BuildWork& work, std::vector<FoundMount>& found, StepLog::Step& log) {
  const CacheMounts caches(work.host.store->root() / "mounts", work.request.cache_namespace);
  std::vector<std::pair<fs::path, FoundMount*>> wanted;
  for (FoundMount& each : found)
    if (each.mount.type == MountType::cache) wanted.emplace_back(caches.folder_of(each.mount, each.content), &each);
  // In one order everywhere, so that no two builds wait for each other; and of one cache the strongest first.
  std::ranges::sort(wanted, [](const auto& a, const auto& b) {
    return std::pair(a.first, -static_cast<int>(a.second->mount.sharing)) <
           std::pair(b.first, -static_cast<int>(b.second->mount.sharing));
  });
  fs::path last;
  for (auto& [folder, each] : wanted) {
    place_ = each->mount.place;
    if (folder == last && each->mount.sharing != Sharing::separately) {
      caches_[each] = held_.back().data();
      continue;
    }
    const auto fill = [&, each = each](const fs::path& to) -> Result<void> {
      SCANGATE_TRY(SourceTree * tree, each->source->tree(work));
      SCANGATE_TRY(const auto selection, select_sources(*tree, literal_source(each->mount.source), {}, work.cancel));
      if (!selection.sources.front().is_folder)
        return fail(Fault::user, fmt::format("'/{}' in {} is no folder", printable(each->mount.source), tree->what()));
      return copy_selected(*tree, selection.sources.front(), to,
                           each->source->from_context ? CopyOwners::root : CopyOwners::kept, work.cancel);
    };
    SCANGATE_TRY(auto held,
                 caches.take(each->mount, each->content, each->source ? fill : CacheMounts::Fill(), work.cancel,
                             [&, each = each] {
                               log.output(fmt::format("waiting for the cache '{}', which another step uses\n",
                                                      printable(each->mount.id)));
                             }));
    caches_[each] = held.data();
    held_.push_back(std::move(held));
    last = each->mount.sharing == Sharing::separately ? fs::path() : folder;
    work.used_cache_mounts = true;
  }
  return {};
}

Result<void> StepMounts::add_secret(const BuildWork& work, const RunMount& mount) {
  const auto& secrets = work.request.secrets;
  const auto secret = std::ranges::find(secrets, mount.id, &BuildSecret::id);
  if (secret == secrets.end()) {
    if (!mount.required) return {};
    return fail(Error(Fault::user, fmt::format("the secret '{}' was not given to this build", printable(mount.id)))
                    .remedy(fmt::format("pass --secret id={},src=FILE", printable(mount.id))));
  }
  if (mount.variable) {
    if (secret->value.find('\0') != std::string::npos)
      return fail(Fault::user, fmt::format("the secret '{}' holds a zero byte, so no variable can have it", mount.id));
    environment_.push_back(*mount.variable + "=" + secret->value);
  }
  if (!mount.target.empty())
    files_.push_back({.target = mount.target,
                      .content = secret->value,
                      .uid = mount.uid.value_or(0),
                      .gid = mount.gid.value_or(0),
                      .mode = mount.mode.value_or(0400)});
  return {};
}

Result<void> StepMounts::add_ssh(BuildWork& work, const RunMount& mount) {
  const auto& agents = work.request.ssh_agents;
  const auto agent = std::ranges::find(agents, mount.id, &BuildSshAgent::id);
  if (agent == agents.end()) {
    if (!mount.required) return {};
    return fail(Error(Fault::user, fmt::format("the ssh agent '{}' was not given to this build", printable(mount.id)))
                    .remedy(fmt::format("pass --ssh {}", printable(mount.id))));
  }
  if (!sockets_) {
    SCANGATE_TRY(sockets_, work.host.store->make_work_folder("ssh"));
  }
  const fs::path socket = sockets_->path() / std::to_string(relays_.size());
  SCANGATE_TRY(auto relay, SshRelay::start(agent->socket, socket, mount.uid.value_or(0), mount.gid.value_or(0),
                                           mount.mode.value_or(0600)));
  relays_.push_back(std::move(relay));
  mounts_.push_back({.mount = {.source = socket, .target = mount.target, .read_only = false}, .kind = Kind::file});
  if (agent_target_.empty()) agent_target_ = mount.target;
  return {};
}

Result<void> StepMounts::add(BuildWork& work, const std::vector<FoundMount>& all, FoundMount& found) {
  const RunMount& mount = found.mount;
  switch (mount.type) {
    case MountType::bind: {
      const bool holds_others =
          std::ranges::any_of(all, [&](const FoundMount& other) { return is_below(other.mount.target, mount.target); });
      const bool own = !mount.read_only || holds_others;
      Result<Bound> bound = found.selected ? bind_context(work, found, own) : bind_image(work, found, own);
      if (!bound) return fail(std::move(bound).error());
      if (holds_others && bound->kind == Kind::directory) SCANGATE_CHECK(make_stubs(bound->path, mount.target, all));
      mounts_.push_back({.mount = {.source = bound->path, .target = mount.target, .read_only = mount.read_only},
                         .kind = bound->kind});
      return {};
    }
    case MountType::cache:
      mounts_.push_back(
          {.mount = {.source = caches_.at(&found), .target = mount.target, .read_only = mount.read_only}});
      return {};
    case MountType::tmpfs:
      mounts_.push_back(
          {.mount = {.source = {}, .target = mount.target, .read_only = false, .size_bytes = mount.size_bytes}});
      return {};
    case MountType::secret:
      return add_secret(work, mount);
    case MountType::ssh:
      break;
  }
  return add_ssh(work, mount);
}

Result<void> StepMounts::make(BuildWork& work, std::vector<FoundMount>& found, StepLog::Step& log) {
  SCANGATE_CHECK(take_caches(work, found, log));
  for (FoundMount& each : found) {
    place_ = each.mount.place;
    SCANGATE_CHECK(add(work, found, each));
  }
  return {};
}

void StepMounts::give(RunStep& step) {
  step.mounts = mounts_;
  step.files = files_;
  step.secret_environment = environment_;
  if (!agent_target_.empty() && !environment_value(step.environment, "SSH_AUTH_SOCK"))
    step.secret_environment.push_back("SSH_AUTH_SOCK=" + agent_target_);
}

// In stage_run's service: which files each mount brings.
Result<std::vector<FoundMount>> StageBuilder::find_mounts(const dockerfile::RunLine& line) {
  std::vector<FoundMount> out;
  if (line.mounts.size() > kMaxRunMounts)
    return fail(placed(Error(Fault::user, fmt::format("a RUN has at most {} mounts", kMaxRunMounts)),
                       line.mounts[kMaxRunMounts].place));
  std::size_t agents = 0;
  const std::string directory = state_.config.working_directory.empty() ? "/" : state_.config.working_directory;
  for (const dockerfile::Mount& each : line.mounts) {
    FoundMount found;
    auto read =
        read_run_mount(each, [&](const std::string& text) { return expand(text, each.place); }, directory, agents);
    if (!read) return fail(placed(std::move(read).error(), each.place));
    found.mount = std::move(*read);
    if (found.mount.type == MountType::ssh) ++agents;
    const bool brings_files =
        found.mount.type == MountType::bind || (found.mount.type == MountType::cache && found.mount.from);
    if (brings_files) {
      SCANGATE_TRY(found.source, file_source(found.mount.from));
      if (found.source->from_context) {
        SourceTree& tree = *found.source->context.tree;
        auto selection = select_sources(tree, literal_source(found.mount.source), {}, work_.cancel);
        if (!selection) return fail(placed(std::move(selection).error(), each.place));
        found.selected = std::move(selection->sources.front());
        SCANGATE_TRY(const Digest digest,
                     selection_digest(tree, {*found.selected}, *found.source->context.digests, work_.cancel));
        found.content = digest.hex();
      } else {
        found.content = fmt::format("layers {}", found.source->identity);
      }
    }
    out.push_back(std::move(found));
  }
  return out;
}

}  // namespace scangate::build
