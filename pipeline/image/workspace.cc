#include "pipeline/image/workspace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <stdexcept>

#include "pipeline/image/in_root.h"
#include "pipeline/image/lower_view.h"
#include "pipeline/image/overlay.h"
#include "pipeline/image/plain_root.h"
#include "pipeline/image/upper_diff.h"
#include "pipeline/image/xattrs.h"

namespace scangate {
namespace fs = std::filesystem;

namespace {

// Overlayfs shows the upper's root as the root: it must look like the lower one before anything is changed.
Result<void> copy_attributes(const fs::path& from, const fs::path& to) {
  SCANGATE_TRY(const UniqueFd source, open_file(from, O_RDONLY | O_DIRECTORY));
  SCANGATE_TRY(const UniqueFd target, open_file(to, O_RDONLY | O_DIRECTORY));
  struct stat status{};
  if (fstat(source.get(), &status) != 0) return fail(host_error("cannot read " + from.string(), errno));
  if (fchown(target.get(), status.st_uid, status.st_gid) != 0 || fchmod(target.get(), status.st_mode & 07777U) != 0)
    return fail(host_error("cannot set the attributes of " + to.string(), errno));
  SCANGATE_TRY(const Xattrs attributes, layer_xattrs(source.get(), from.string()));
  for (const auto& [name, value] : attributes)
    if (fsetxattr(target.get(), name.c_str(), value.data(), value.size(), 0) != 0)
      return fail(host_error("cannot set the attributes of " + to.string(), errno));
  const timespec times[] = {status.st_atim, status.st_mtim};
  if (futimens(target.get(), times) != 0) return fail(host_error("cannot set the time of " + to.string(), errno));
  return {};
}

}  // namespace

Workspace::State::~State() {
  unmount_now();
}

void Workspace::State::unmount_now() {
  points.reset();
  merged_fd.reset();
  if (std::exchange(mounted, false)) unmount(merged);
}

Result<void> Workspace::State::mount_now(bool read_only) {
  merged = folder / "root";
  SCANGATE_CHECK(make_directories(merged, 0755));
  OverlayFolders folders{.lower = lower, .upper = {}, .work = {}};
  const fs::path none = folder / "none";
  if (lower.empty() || (read_only && lower.size() == 1)) {
    // An overlay wants one lower folder, and two when there is no upper.
    SCANGATE_CHECK(make_directories(none, 0755));
    folders.lower.push_back(none);
    if (read_only && lower.empty()) {
      SCANGATE_CHECK(make_directories(folder / "none2", 0755));
      folders.lower.push_back(folder / "none2");
    }
  }
  if (!read_only) {
    upper = folder / "upper";
    folders.upper = upper;
    folders.work = folder / "work";
    std::error_code ignored;
    const bool used_before = fs::exists(upper, ignored);
    // A volatile mount leaves a mark there that forbids the next one: overlayfs.rst, "Volatile mount". What it warns
    // of, a crash of the machine in between, loses a running job anyway.
    if (used_before) SCANGATE_CHECK(remove_tree(folders.work));
    SCANGATE_CHECK(make_directories(folders.upper, 0755));
    SCANGATE_CHECK(make_directories(folders.work, 0700));
    if (used_before) {
      // It looks as it was left.
    } else if (lower.empty()) {
      // Whatever the umask says: the root of an image must be passable.
      if (::chmod(upper.c_str(), 0755) != 0) return fail(host_error("cannot set the mode of " + upper.string(), errno));
    } else {
      SCANGATE_CHECK(copy_attributes(lower.front(), upper));
    }
  }
  SCANGATE_CHECK(mount_overlay(folders, mode, merged));
  mounted = true;
  SCANGATE_TRY(merged_fd, open_file(merged, O_RDONLY | O_DIRECTORY));
  points.emplace(merged_fd.get());
  return {};
}

// Filled once, then a snapshot like the layers' own: the next one who looks at the chain finds it.
Result<void> Workspace::State::find_plain(const Cancel& cancel) {
  if (diff_ids.empty()) {
    merged = folder / "root";
    SCANGATE_CHECK(make_directories(merged, 0755));
  } else {
    const ChainId whole{Digest::of(chain_id(diff_ids, diff_ids.size()).digest.str() + " root")};
    merged = find_snapshot(*store, whole, mode);
    if (merged.empty()) {
      const fs::path fresh = folder / "root";
      SCANGATE_CHECK(make_directories(fresh, 0755));
      SCANGATE_TRY(const LowerDirectory below, LowerDirectory::open(lower, mode));
      SCANGATE_CHECK(fill_plain_root(below, fresh, cancel));
      SCANGATE_CHECK(place_snapshot(*store, whole, mode, fresh));
      merged = find_snapshot(*store, whole, mode);
      if (merged.empty()) return fail(Fault::host, fmt::format("snapshot {} vanished", whole.digest.hex()));
    }
  }
  SCANGATE_TRY(merged_fd, open_file(merged, O_RDONLY | O_DIRECTORY));
  points.emplace(merged_fd.get());
  return {};
}

Workspace::Workspace(std::unique_ptr<State> state) : state_(std::move(state)) {}
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;
Workspace::~Workspace() = default;

const fs::path& Workspace::root() const {
  return state_->merged;
}
const fs::path& Workspace::upper() const {
  return state_->upper;
}

Result<void> Workspace::add_mount_point(const std::string& path, PointKind kind) {
  if (!state_->points) throw std::logic_error("Workspace::add_mount_point after commit");
  return state_->points->add(path, kind);
}

Result<std::optional<WrittenLayer>> Workspace::commit(const LayerOptions& options, std::vector<EntrySink*> tees,
                                                      const Cancel& cancel) {
  State& state = *state_;
  if (state.upper.empty() || !state.mounted || !state.own)
    throw std::logic_error("Workspace::commit without a writable mount");
  SCANGATE_CHECK(state.points->undo());
  state.unmount_now();
  SCANGATE_TRY(const LowerDirectory lower, LowerDirectory::open(state.lower, state.mode));
  SCANGATE_TRY(const UniqueFd upper, open_file(state.upper, O_RDONLY | O_DIRECTORY));
  SCANGATE_TRY(LayerWriter writer, LayerWriter::create(*state.store, options, std::move(tees)));
  UpperDiff diff(lower, state.mode, options, cancel);
  SCANGATE_CHECK(diff.write(upper.get(), writer));
  if (!diff.wrote_any()) return std::nullopt;
  SCANGATE_TRY(const WrittenLayer layer, writer.finish());
  std::vector<DiffId> chain = state.diff_ids;
  chain.push_back(layer.diff_id);
  SCANGATE_CHECK(place_snapshot(*state.store, chain_id(chain, chain.size()), state.mode, state.upper));
  return layer;
}

}  // namespace scangate
